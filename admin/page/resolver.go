package page

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// resolverPage explains where mail goes, or whether a login works.
type resolverPage struct {
	Address, Login string
	Error          string
	Outcome        string
	OK             bool
	Steps          []*step
	Ends           []end
}

func (*resolverPage) template() string { return "resolver" }
func (*resolverPage) title() string    { return "Resolver" }

// step is a thing that was looked at, with what came of it.
type step struct {
	Text string
	Row  string // "admin_alias 12", "" if no row decided
	Kind string // "hop" to an address, "end" of the way, "" else
	Tone string // of an end
	Next []*step
}

// end is where mail comes to.
type end struct {
	Address, Word, Tone, By, Reason string
}

func (p *page) resolver(v *visit) error {
	q := v.r.URL.Query()
	b := &resolverPage{Address: strings.TrimSpace(q.Get("address")), Login: strings.TrimSpace(q.Get("login"))}
	var x *lookup.Explanation
	var err error
	switch {
	case b.Address != "":
		x, err = p.explain(v, b.Address)
	case b.Login != "":
		x, err = p.explainLogin(v, b.Login)
	default:
		return v.show(http.StatusOK, b)
	}
	if err != nil {
		status, f := v.fault(err)
		b.Error = f.Text
		return v.show(status, b)
	}
	b.Outcome, b.OK, b.Steps = x.Outcome, x.OK, tree(x.Steps)
	for _, d := range x.Deliveries {
		b.Ends = append(b.Ends, endOf(&d))
	}
	return v.show(http.StatusOK, b)
}

// explain explains an address of a domain that the visitor may see.
func (p *page) explain(v *visit, address string) (*lookup.Explanation, error) {
	if v.caller.Super() {
		return p.o.Explain(address, nil)
	}
	var x *lookup.Explanation
	err := v.read(func(t *manage.Tx) error {
		may := sees(t)
		if at := strings.LastIndexByte(address, '@'); at >= 0 && !may(store.Fold(address[at+1:])) {
			return &manage.Error{Kind: manage.NotFound, Text: "The domain of this address is none of yours."}
		}
		var err error
		x, err = p.o.Explain(address, may)
		return err
	})
	return x, err
}

// sees reports of domains and domain aliases whether the caller sees them.
func sees(t *manage.Tx) func(domain string) bool {
	known := map[string]bool{}
	return func(domain string) bool {
		yes, asked := known[domain]
		if !asked {
			yes = t.SeesDomain(domain)
			known[domain] = yes
		}
		return yes
	}
}

func (p *page) explainLogin(v *visit, login string) (*lookup.Explanation, error) {
	if !v.caller.Super() {
		err := v.read(func(t *manage.Tx) error {
			_, err := t.AccountByName(store.Fold(login))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return p.o.ExplainLogin(login)
}

// tree nests steps by their depth.
func tree(flat []lookup.Step) []*step {
	root := &step{}
	above := []*step{root} // the last step of each depth
	for i := range flat {
		s := &flat[i]
		n := newStep(s)
		depth := min(s.Depth, len(above)-1)
		above = append(above[:depth+1], n)
		above[depth].Next = append(above[depth].Next, n)
	}
	return root.Next
}

func newStep(s *lookup.Step) *step {
	n := &step{Text: s.Text}
	if s.Table != "" {
		n.Row = s.Table + " " + strconv.FormatUint(uint64(s.Row), 10)
	}
	for word, tone := range map[string]string{"DELIVERED": "good", "RELAYED": "good", "SENT OUT": "good", "REFUSED": "bad", "DEFERRED": "warn", "LOOP": "bad", "ELSEWHERE": "warn"} {
		if strings.HasPrefix(s.Text, word) {
			n.Kind, n.Tone = "end", tone
		}
	}
	if strings.HasPrefix(s.Text, "-> ") {
		n.Kind = "hop"
	}
	return n
}

func endOf(d *lookup.Delivery) end {
	e := end{Address: d.Address, By: d.Transport, Reason: d.Reason}
	switch d.Kind {
	case lookup.ToMailbox:
		e.Word, e.Tone = "delivered here", "good"
	case lookup.ToRelay:
		e.Word, e.Tone = "relayed", "good"
	case lookup.ToRemote:
		e.Word, e.Tone = "sent out", "good"
	case lookup.Refused:
		e.Word, e.Tone = "refused", "bad"
	case lookup.Deferred:
		e.Word, e.Tone = "deferred", "warn"
	case lookup.Looped:
		e.Word, e.Tone = "loop", "bad"
	default:
		e.Word = "somebody else's"
	}
	return e
}
