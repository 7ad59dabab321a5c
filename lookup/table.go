package lookup

// Table is one Postfix lookup table: a pure function of a snapshot and a key.
type Table struct {
	Name     string   // as in socketmap:unix:/run/vmapd/socketmap:Name
	Param    string   // the main.cf parameter it serves
	Synonyms []string // names of the map files it replaces, without "sql-"
	Doc      string   // one paragraph for people
	find     func(q *query)
}

// Tables returns all tables in the order of Postfix's documentation: domains,
// recipients, routes, access, senders.
func Tables() []Table {
	return []Table{
		domains, domainAliases, mailboxes, aliases,
		relayDomains, transport, splitTransport, autoreplyTransport,
		maintain, verification, senderLogin,
	}
}

// sqlPrefix begins the names of Modoboa's map files.
const sqlPrefix = "sql-"

// FindTable finds a table by its name or a synonym, either with or without
// the "sql-" of Modoboa's map files.
func FindTable(name string) (*Table, bool) {
	t, ok := byName()[name]
	return t, ok
}

func byName() map[string]*Table {
	m := map[string]*Table{}
	for _, t := range Tables() {
		for _, n := range append([]string{t.Name}, t.Synonyms...) {
			m[n] = &t
			m[sqlPrefix+n] = &t
		}
	}
	return m
}
