package daemon

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/vmapd/vmapd/lookup/guard"
	"github.com/vmapd/vmapd/store"
)

// GuardStatus describes the protection of logins against guessing
// (docs/guard.md).
type GuardStatus struct {
	Attempts uint64        `json:"attempts"` // since the start
	Refused  uint64        `json:"refused"`  // of them, without a look at the password
	Held     uint64        `json:"held"`     // of them, whose failure was or would have been answered late
	Accounts GuardPressure `json:"accounts"`
	Networks GuardPressure `json:"networks"`
	// Shared says that other nodes count too (policy.counters), ShareError why
	// they cannot be told or heard now.
	Shared     bool   `json:"shared"`
	ShareError string `json:"share_error,omitempty"`
}

// GuardPressure is how many accounts or networks are under attack now, and the
// worst of them.
type GuardPressure struct {
	Held    int             `json:"held"`
	Refused int             `json:"refused"`
	Worst   []GuardOffender `json:"worst"`
}

// GuardOffender is an account or a network with wrong passwords.
type GuardOffender struct {
	Name      string    `json:"name"`    // the first 63 bytes of an account, or a network
	Guesses   int       `json:"guesses"` // distinct wrong passwords that are not forgotten
	Refused   bool      `json:"refused"`
	Forgotten time.Time `json:"forgotten"` // when all will be, if no more come
}

// ForgiveResult is the answer to POST /forgive.
type ForgiveResult struct {
	Account  string `json:"account,omitempty"`
	Network  string `json:"network,omitempty"`
	Forgiven int    `json:"forgiven"` // accounts or networks that had anything
}

// maxWorst is how many accounts and networks a Status lists.
const maxWorst = 5

func (w *watchman) status() GuardStatus {
	st := w.Stats()
	s := GuardStatus{Attempts: st.Attempts, Refused: st.Refused, Held: st.Held, Shared: w.shared != nil}
	if err := w.Apart(); err != nil {
		s.ShareError = err.Error()
	}
	pressure := func(p guard.Pressure, worst []guard.Offender) GuardPressure {
		g := GuardPressure{Held: p.Held, Refused: p.Refused, Worst: make([]GuardOffender, len(worst))}
		for i, o := range worst {
			g.Worst[i] = GuardOffender{Name: o.Account, Guesses: o.Guesses, Refused: o.Refused, Forgotten: o.Forgotten}
			if o.Network.IsValid() {
				g.Worst[i].Name = o.Network.String()
			}
		}
		return g
	}
	accounts, networks := w.Pressure()
	worstAccounts, worstNetworks := w.Top(maxWorst)
	s.Accounts, s.Networks = pressure(accounts, worstAccounts), pressure(networks, worstNetworks)
	return s
}

// serveForgive lets an administrator lift what is refused.
func (d *Daemon) serveForgive(w http.ResponseWriter, r *http.Request) {
	account, network := r.URL.Query().Get("account"), r.URL.Query().Get("network")
	switch g := d.logins.guard; {
	case network != "":
		p, err := netip.ParsePrefix(network)
		if err != nil {
			plain(w, http.StatusBadRequest, err.Error())
			return
		}
		reply(w, http.StatusOK, ForgiveResult{Network: p.String(), Forgiven: g.ForgivePrefix(p.Masked())})
	case account != "":
		result := ForgiveResult{Account: store.Fold(account)}
		if g.Forgive(result.Account) {
			result.Forgiven = 1
		}
		reply(w, http.StatusOK, result)
	default:
		plain(w, http.StatusBadRequest, "want ?account= or ?network=")
	}
}
