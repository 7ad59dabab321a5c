package page

import (
	"net/http"
	"strconv"

	"github.com/vmapd/vmapd/admin/manage"
)

// dkimPage tells the keys of a domain and what DNS holds of them.
type dkimPage struct {
	Domain string
	Up     link
	Action string
	Off    bool
	Note   string
	Keys   []keyView
}

func (*dkimPage) template() string { return "dkim" }
func (d *dkimPage) title() string  { return "DKIM of " + d.Domain }

// keyView is a key as the page shows it.
type keyView struct {
	Key
	Word  string // "rsa-2048"
	Signs badge
	State badge // of its record
	When  string
}

// dkim shows the keys; posted, it has DNS asked now.
func (p *page) dkim(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	var d *manage.Domain
	err = v.read(func(t *manage.Tx) error {
		d, err = t.Domain(id)
		return err
	})
	if err != nil {
		return err
	}
	keys, err := p.o.Keys(v.r.Context(), d.Name, v.r.Method == http.MethodPost)
	if err != nil {
		return err
	}
	b := &dkimPage{Domain: d.Name, Up: link{Text: d.Name, Href: "/domains/" + strconv.FormatInt(id, 10)}, Action: dkimPath(d), Off: !d.EnableDKIM, Note: keys.Note}
	for _, k := range keys.List {
		b.Keys = append(b.Keys, newKeyView(k))
	}
	return v.show(http.StatusOK, b)
}

func newKeyView(k Key) keyView {
	v := keyView{Key: k, Word: k.Algorithm, Signs: badge{"does not sign", ""}, State: badge{"not asked yet", ""}}
	if k.Bits > 0 {
		v.Word += "-" + strconv.Itoa(k.Bits)
	}
	if k.Signs {
		v.Signs = badge{"signs", "good"}
	}
	if d := k.DNS; d != nil {
		v.When = when(d.Checked)
		switch {
		case d.Unknown:
			v.State = badge{"DNS does not answer", "warn"}
		case d.Works:
			v.State = badge{"published", "good"}
		default:
			v.State = badge{d.Code, "bad"}
		}
	}
	return v
}
