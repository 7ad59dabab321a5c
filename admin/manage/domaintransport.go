package manage

import (
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// addTransports fills in the transports of relay domains. Modoboa's CSV import
// does not tell a domain the id of its transport, which has its name as
// pattern.
func (t *Tx) addTransports(domains []Domain, via map[int64]int64) error {
	byID, byName := map[int64]*Domain{}, map[string]*Domain{}
	var ids []int64
	var names []any
	for i := range domains {
		switch d := &domains[i]; {
		case via[d.ID] != 0:
			byID[via[d.ID]], ids = d, append(ids, via[d.ID])
		case d.Type == relayDomain:
			byName[store.Fold(d.Name)], names = d, append(names, d.Name)
		}
	}
	if len(ids) > 0 {
		if err := t.transports("id IN ("+joinIDs(ids)+")", nil, func(tr *Transport) { byID[tr.ID].Transport = tr }); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(names, 1000) {
		err := t.transports("pattern IN ("+marks(part)+")", part, func(tr *Transport) {
			if d := byName[store.Fold(tr.Pattern)]; d != nil {
				d.Transport = tr
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// transports reads rows of transport_transport.
func (t *Tx) transports(where string, args []any, found func(*Transport)) error {
	query := "SELECT id, pattern, service, next_hop, " + t.db.Text("_settings") + " FROM transport_transport WHERE " + where
	return t.each(query, args, func(r *sql.Rows) error {
		var tr Transport
		var settings string
		err := r.Scan(&tr.ID, &tr.Pattern, &tr.Service, &tr.NextHop, &settings)
		tr.setting(settings)
		found(&tr)
		return err
	})
}

// setting reads what a transport of service relay was made of. Modoboa 1.10's
// import has written the port as a text.
func (tr *Transport) setting(text string) {
	var s struct {
		Host   string      `json:"relay_target_host"`
		Port   json.Number `json:"relay_target_port"`
		Verify bool        `json:"relay_verify_recipients"`
	}
	if json.Unmarshal([]byte(text), &s) != nil {
		return // somebody else's service
	}
	port, _ := s.Port.Int64()
	tr.Host, tr.Port, tr.Verify = s.Host, int(port), s.Verify
}

// checkTransport checks the transport of a relay domain; pattern is its name.
func (t *Tx) checkTransport(f fields, pattern string, in TransportInput) *rows.Transport {
	tr := &rows.Transport{Pattern: pattern, Host: store.Fold(in.Host), Port: in.Port, Verify: in.Verify}
	if tr.Port == 0 {
		tr.Port = 25
	}
	if in.Service != "" && in.Service != "relay" {
		f.add("transport.service", "Unsupported service")
	}
	switch {
	case in.Host == "":
		f.add("transport.relay_target_host", "This field is required")
	case rows.CheckHost(tr.Host) != nil, t.tables["transport_transport"].Fits("transport_transport", "next_hop", tr.NextHop()) != nil:
		f.add("transport.relay_target_host", "Invalid value")
	}
	if tr.Port < 1 || tr.Port > 65535 {
		f.add("transport.relay_target_port", "Invalid value")
	}
	return tr
}

// setTransport makes a domain's transport what tr says: the row is changed if
// there is one, and made if there is none.
func (t *Tx) setTransport(d *Domain, tr *rows.Transport) error {
	set := rows.Columns{"pattern": tr.Pattern, "service": "relay", "next_hop": tr.NextHop(), "_settings": tr.Settings()}
	if d.Transport != nil {
		tr.ID = d.Transport.ID
		if err := t.update("transport_transport", tr.ID, set); err != nil {
			return err
		}
	} else {
		_, err := t.exec("INSERT INTO transport_transport (pattern, service, next_hop, _settings) VALUES (?, 'relay', ?, ?)",
			tr.Pattern, tr.NextHop(), tr.Settings())
		if err != nil {
			return err
		}
		if tr.ID, err = t.count("SELECT id FROM transport_transport WHERE pattern = ?", tr.Pattern); err != nil {
			return err
		}
	}
	if _, err := t.exec("UPDATE admin_domain SET transport_id = ? WHERE id = ?", tr.ID, d.ID); err != nil {
		return err
	}
	return t.setRecipientAccess(tr.Pattern, tr.Verify)
}

// setRecipientAccess says whether recipients in a relay domain are verified.
func (t *Tx) setRecipientAccess(pattern string, verify bool) error {
	if !verify {
		_, err := t.exec("DELETE FROM relaydomains_recipientaccess WHERE pattern = ?", pattern)
		return err
	}
	there, err := t.count("SELECT count(*) FROM relaydomains_recipientaccess WHERE pattern = ?", pattern)
	if err == nil && there == 0 {
		_, err = t.exec("INSERT INTO relaydomains_recipientaccess (pattern, action) VALUES (?, 'reject_unverified_recipient')", pattern)
	}
	return err
}

// dropTransport removes a domain's transport with its recipient access.
func (t *Tx) dropTransport(d *Domain) error {
	if err := t.setRecipientAccess(d.Name, false); err != nil || d.Transport == nil {
		return err
	}
	if _, err := t.exec("UPDATE admin_domain SET transport_id = NULL WHERE transport_id = ?", d.Transport.ID); err != nil {
		return err
	}
	_, err := t.exec("DELETE FROM transport_transport WHERE id = ?", d.Transport.ID)
	return err
}

// freePattern is an error if somebody else's transport has the name that a
// relay domain's is to have.
func (t *Tx) freePattern(pattern string, own *Transport) error {
	id, err := t.count("SELECT id FROM transport_transport WHERE lower(pattern) = ? ORDER BY id LIMIT 1", pattern)
	if err == nil && id != 0 && (own == nil || own.ID != id) {
		err = conflict("There is a transport for %s already, which no domain has made: it is to be deleted first.", pattern)
	}
	return err
}
