package manage

import (
	"database/sql"
	"encoding/json"
)

// parameters are Modoboa's settings (core_localconfig._parameters). An app or
// a parameter that is not stored has its default.
type parameters struct {
	apps map[string]map[string]json.RawMessage
}

// parameter reads Modoboa's settings, once.
func (t *Tx) parameters() (*parameters, error) {
	if t.params != nil {
		return t.params, nil
	}
	p := &parameters{}
	err := t.each("SELECT "+t.db.Text("_parameters")+" FROM core_localconfig ORDER BY id LIMIT 1", nil, func(r *sql.Rows) error {
		var text string
		err := r.Scan(&text)
		_ = json.Unmarshal([]byte(text), &p.apps) // Modoboa lives with what is none
		return err
	})
	if err == nil {
		t.params = p
	}
	return p, err
}

// flag returns a boolean parameter.
func (p *parameters) flag(app, name string, otherwise bool) bool {
	v := otherwise
	if raw, ok := p.apps[app][name]; ok && json.Unmarshal(raw, &v) != nil {
		return otherwise
	}
	return v
}

// number returns a numeric parameter, ok is false for null and for none.
func (p *parameters) number(app, name string) (n int64, ok bool) {
	var v *int64
	if raw, there := p.apps[app][name]; !there || json.Unmarshal(raw, &v) != nil || v == nil {
		return 0, false
	}
	return *v, true
}

// text returns a parameter that is a text.
func (p *parameters) text(app, name, otherwise string) string {
	v := otherwise
	if raw, ok := p.apps[app][name]; ok && json.Unmarshal(raw, &v) != nil {
		return otherwise
	}
	return v
}
