package manage

import (
	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// Parameters returns Modoboa's settings as they are in this transaction.
func (t *Tx) Parameters() (*parameters.Set, error) {
	if t.params == nil {
		p, err := parameters.Read(t.ctx, t.db, t.tx, rows.Release(t.tables), t.m.o.Parameters)
		if err != nil {
			return nil, err
		}
		t.params = p
	}
	return t.params, nil
}
