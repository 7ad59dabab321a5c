package opendkim

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Plan is what an OpenDKIM does, and what becomes of it.
type Plan struct {
	File     string    `json:"file"`
	Signs    []Rule    `json:"signs"`              // in the order of the SigningTable
	Database *DSN      `json:"database,omitempty"` // from which OpenDKIM takes its tables
	Settings []Setting `json:"settings"`           // in the order of the files
	TOML     string    `json:"toml"`               // lines of vmapd.toml
	ToDo     []string  `json:"to_do"`              // what no setting does
	Problems []Problem `json:"problems"`           // what is wrong with the files

	tables *tables
}

// Setting is an option that was given.
type Setting struct {
	Place
	Option  string  `json:"option"`
	Value   string  `json:"value"` // without passwords
	Verdict Verdict `json:"verdict"`
	Means   string  `json:"means"`
}

// Options are for tests; the zero value is good.
type Options struct {
	ReadFile func(path string) ([]byte, error) // default os.ReadFile
}

// Read reads an opendkim.conf and the files that it names. It fails if the
// file itself cannot be read; all else is told in Plan.Problems.
func Read(path string, o Options) (*Plan, error) {
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	conf, err := o.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &reader{read: o.ReadFile, base: filepath.Dir(path), last: map[string]line{}}
	r.conf(path, conf, 0)
	if l, ok := r.last["BaseDirectory"]; ok {
		r.base = l.value
	}
	p := &planner{reader: r, plan: &Plan{File: path, Signs: []Rule{}, Settings: []Setting{}, ToDo: []string{}}}
	p.readTables()
	p.settings()
	p.finish()
	return p.plan, nil
}

// planner decides what becomes of the options.
type planner struct {
	*reader
	plan  *Plan
	toml  target
	rules []Rule
	keys  map[string]*key
}

// target holds the values for vmapd.toml.
type target struct {
	keyDir, headers, subdomains     string
	canon                           string // dkim.canonicalization
	networks, daemonNames, resolver []string
	address, mode, group            string // of [[listen]]
	url                             string // of [database]
	hasNetworks                     bool
}

func (p *planner) todo(format string, args ...any) {
	p.plan.ToDo = append(p.plan.ToDo, fmt.Sprintf(format, args...))
}

// settings goes through all options, in order. What a later line replaces is
// told as such.
func (p *planner) settings() {
	for _, l := range p.lines {
		s := Setting{Place: l.Place, Option: l.option.name, Value: clean(l.shown()), Verdict: l.option.verdict, Means: l.option.means}
		switch {
		case p.last[l.option.name].Place != l.Place:
			s.Verdict, s.Means = Dropped, "given again at "+p.last[l.option.name].Place.String()+": that one counts"
		case l.option.use != nil:
			s.Verdict, s.Means = l.option.use(p, l)
		}
		p.plan.Settings = append(p.plan.Settings, s)
	}
}

// readTables finds out who is signed with what.
func (p *planner) readTables() {
	signing, hasSigning := p.last["SigningTable"]
	table, hasTable := p.last["KeyTable"]
	var keyData dataset
	keysKnown := false
	if hasTable {
		if keyData, keysKnown = p.dataset(table); keysKnown {
			p.keys = p.readKeys(keyData)
		}
		p.database(keyData.dsn)
	}
	switch {
	case hasSigning && !hasTable:
		p.fail(signing.Place, "SigningTable without a KeyTable: OpenDKIM refuses this")
	case hasSigning:
		d, ok := p.dataset(signing)
		p.database(d.dsn)
		if ok {
			p.rules = p.readRules(d, p.keys)
			p.plan.tables = &tables{refile: d.kind == "refile", multiple: p.on("MultipleSignatures"), rules: p.rules, keys: p.keys}
		}
		p.describe(d.kind == "refile", keysKnown)
	default:
		p.singleKey()
	}
	p.plan.Signs = append(p.plan.Signs, p.rules...)
}

func (p *planner) database(d *DSN) {
	if d == nil || p.plan.Database != nil {
		return
	}
	p.plan.Database = d
	p.toml.url = d.url()
}

// describe says what becomes of each rule, and which keys nothing names.
func (p *planner) describe(refile, keysKnown bool) {
	for i := range p.rules {
		rule := &p.rules[i]
		if !keysKnown && rule.KeyName != "%" {
			rule.Means = "its key is in a KeyTable that is not read"
			continue
		}
		rule.Means = rule.means(refile)
		if strings.HasSuffix(rule.Means, toParent) {
			p.toml.subdomains = "parent"
		}
	}
	if slices.ContainsFunc(p.rules, func(r Rule) bool { return r.KeyName == "%" }) {
		return
	}
	var unused []*key
	for _, k := range p.keys {
		if !k.used {
			unused = append(unused, k)
		}
	}
	slices.SortFunc(unused, func(a, b *key) int { return a.compare(b.Place) })
	for _, k := range unused {
		p.todo("%s: no line of the SigningTable names this key (%s, %s)", k.Place, clean(k.selector), clean(k.domain))
	}
}

// singleKey is an OpenDKIM without tables: one key for the listed domains.
func (p *planner) singleKey() {
	domains, has := p.last["Domain"]
	if !has {
		return
	}
	file, hasFile := p.last["KeyFile"]
	selector, hasSelector := p.last["Selector"]
	if !hasFile || !hasSelector {
		p.fail(domains.Place, "Domain without KeyFile and Selector signs nothing")
		return
	}
	d, ok := p.dataset(domains)
	if !ok {
		return
	}
	for _, name := range d.keys() {
		rule := Rule{Place: domains.Place, Pattern: name, Domain: name, Selector: selector.value, KeyFile: file.value}
		rule.Means = "enable DKIM for the domain, with this selector and path"
		p.rules = append(p.rules, rule)
		if p.on("SubDomains") {
			rule.Pattern = "." + name
			rule.Means = rule.means(false)
			p.rules = append(p.rules, rule)
		}
	}
	p.plan.tables = &tables{rules: p.rules}
}

// finish writes the lines of vmapd.toml and what is left to do.
func (p *planner) finish() {
	p.toml.keyDir = p.keyDir()
	p.plan.TOML = p.toml.String()
	p.plan.Problems = append([]Problem{}, p.problems...)
	slices.SortStableFunc(p.plan.Problems, func(a, b Problem) int { return a.compare(b.Place) })
	if d := p.plan.Database; d != nil {
		if d.modoboa() {
			p.todo("the tables are Modoboa's: vmapd reads its columns (admin_domain.enable_dkim, dkim_key_selector, dkim_private_key_path) by itself, and needs no view")
		} else {
			p.todo("the tables are in the database: enter selector and path of each key in Modoboa's columns, as its own domains have them")
		}
		if d.Password {
			p.todo("write the password of the database into a file of its own, and name it as database.password_file")
		}
		if p.toml.url == "" {
			p.todo("vmapd reads PostgreSQL, MySQL and SQLite; name the database in database.url")
		}
		if p.toml.keyDir == "" {
			p.todo("set dkim.key_dir to the folder of the private keys, in Modoboa the setting dkim_keys_storage_dir: keys are read only below it")
		}
	}
	if len(p.rules) > 0 || p.plan.Database != nil {
		p.todo("let vmapd read the private keys: run it with the group that owns them")
	}
	if p.toml.address != "" {
		p.todo("stop OpenDKIM before vmapd takes its socket; smtpd_milters and non_smtpd_milters in main.cf stay as they are")
	}
}

// keyDir is the deepest folder that holds all key files.
func (p *planner) keyDir() string {
	dir := ""
	add := func(file string) {
		if !filepath.IsAbs(file) {
			return
		}
		if i := strings.IndexByte(file, '%'); i >= 0 {
			file = file[:i] + "x"
		}
		d := filepath.Dir(filepath.Clean(file))
		for dir != "" && d != dir && !strings.HasPrefix(dir, strings.TrimSuffix(d, "/")+"/") {
			d = filepath.Dir(d)
		}
		dir = d
	}
	for _, rule := range p.rules {
		add(rule.KeyFile)
	}
	for _, k := range p.keys {
		add(k.file)
	}
	if dir == "/" {
		p.todo("the keys lie in folders that have nothing in common: bring them below one folder and name it as dkim.key_dir")
		return ""
	}
	return dir
}

// String writes the sections; empty ones are left out.
func (t target) String() string {
	var b strings.Builder
	section := func(head string, lines ...string) {
		lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
		if len(lines) == 0 {
			return
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(head + "\n" + strings.Join(lines, "\n") + "\n")
	}
	section("[database]", text1("url", t.url))
	listen := ""
	if t.address != "" {
		listen = `protocol = "milter"`
	}
	section("[[listen]]", listen, text1("address", t.address), text1("mode", t.mode), text1("group", t.group))
	networks := list1("networks", t.networks)
	if t.hasNetworks && networks == "" {
		networks = "networks = []"
	}
	section("[dkim]", text1("key_dir", t.keyDir), networks, list1("daemon_names", t.daemonNames), text1("headers", t.headers), text1("canonicalization", t.canon), text1("subdomains", t.subdomains), list1("resolvers", t.resolver))
	return b.String()
}

func text1(key, value string) string {
	if value == "" {
		return ""
	}
	return key + " = " + quote(value)
}

func list1(key string, values []string) string {
	if len(values) == 0 {
		return ""
	}
	var quoted []string
	for _, v := range values {
		quoted = append(quoted, quote(v))
	}
	return key + " = [" + strings.Join(quoted, ", ") + "]"
}

// quote writes a TOML basic string.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(clean(s)) + `"`
}
