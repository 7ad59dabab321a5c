package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// Status is what a running daemon says of itself: GET /status of the control
// socket, and vmapd status --json.
type Status struct {
	Version   string           `json:"version"`
	PID       int              `json:"pid"`
	Uptime    float64          `json:"uptime_seconds"`
	Config    string           `json:"config"` // file, "" for built-in defaults
	Ready     bool             `json:"ready"`
	Reason    string           `json:"reason,omitempty"` // why not ready
	Snapshot  *SnapshotStatus  `json:"snapshot"`         // null before the first load
	Database  DatabaseStatus   `json:"database"`
	Spool     SpoolStatus      `json:"spool"`
	Guard     GuardStatus      `json:"guard"`
	Outside   OutsideStatus    `json:"outside"`
	DKIM      DKIMStatus       `json:"dkim"`
	Alarms    int              `json:"alarms"` // open ones
	Shadow    *ShadowStatus    `json:"shadow,omitempty"`
	Mailboxes *MailboxStatus   `json:"mailboxes,omitempty"` // operations on their folders; null: none are carried out
	Listeners []ListenerStatus `json:"listeners"`
}

// SpoolStatus describes the writes of the mail side that the database does not
// have yet.
type SpoolStatus struct {
	Pending   int    `json:"pending"`
	Dead      int    `json:"dead"` // refused by the database and set aside
	Applied   uint64 `json:"applied"`
	LastError string `json:"last_error,omitempty"` // while writing fails
	Damaged   string `json:"damaged,omitempty"`    // where a damaged spool was moved
}

// SnapshotStatus describes the data being served.
type SnapshotStatus struct {
	Generation uint64       `json:"generation"`
	Loaded     time.Time    `json:"loaded"`
	Checked    time.Time    `json:"checked"` // last known to equal the database
	Age        float64      `json:"age_seconds"`
	Stale      bool         `json:"stale"`
	Stored     bool         `json:"stored"` // from the disk: the database has not been read since the start
	Schema     string       `json:"schema"`
	Counts     store.Counts `json:"counts"`
	Problems   int          `json:"problems"`
	// FirstProblems are the first of them, at most 20.
	FirstProblems []store.Problem `json:"first_problems,omitempty"`
}

// DatabaseStatus describes the database.
type DatabaseStatus struct {
	Name      string  `json:"name"` // URL without password
	Up        bool    `json:"up"`
	LastError string  `json:"last_error,omitempty"`
	LastLoad  float64 `json:"last_load_seconds"`
	// Following says that changes are followed, see vmapd db status; else
	// everything is read again and again.
	Following   bool   `json:"following"`
	FollowError string `json:"follow_error,omitempty"`
	Missed      int    `json:"changes_missed"` // rows that audits found wrong since the start
}

// ListenerStatus describes one [[listen]] section.
type ListenerStatus struct {
	Protocol    string `json:"protocol"`
	Address     string `json:"address"`
	Table       string `json:"table,omitempty"`
	Connections int    `json:"connections"`
	Max         int    `json:"max_connections"`
}

// ReloadResult is the answer to POST /reload.
type ReloadResult struct {
	Generation uint64  `json:"generation"`
	Took       float64 `json:"took_seconds"`
	Error      string  `json:"error,omitempty"`
	Remedy     string  `json:"remedy,omitempty"`
}

// maxProblems is how many problems a Status lists.
const maxProblems = 20

// ControlPath gives the socket on which a daemon with that state folder takes
// orders.
func ControlPath(stateDir string) string { return filepath.Join(stateDir, "control.sock") }

// openControl opens the control socket. Only its owner and root may use it.
// A daemon can live without it, but not beside another one with the same
// state folder.
func (d *Daemon) openControl() error {
	if err := os.MkdirAll(d.cfg.StateDir, 0o750); err != nil {
		d.log.Warn("no control socket: the state folder cannot be made", zap.Error(err), zap.String("remedy", "make it for the user that runs vmapd, or change state_dir"))
		return nil
	}
	l := defaultListen()
	l.Protocol, l.Mode, l.MaxConnections = "control", 0o600, 32
	var err error
	if l.endpoint, err = parseUnix(ControlPath(d.cfg.StateDir)); err != nil {
		d.log.Warn("no control socket: vmapd status, reload and explain will not reach this daemon", zap.Error(err), zap.String("remedy", "choose a shorter state_dir"))
		return nil
	}
	if len(d.inherited[l.endpoint]) == 0 {
		if err := checkFree(l.endpoint.Path); err != nil {
			return fmt.Errorf("state_dir %s: control.sock: %w", d.cfg.StateDir, err)
		}
	}
	s, err := d.inherited.open(&l)
	if err != nil {
		d.log.Warn("no control socket: vmapd status, reload and explain will not reach this daemon", zap.Error(err))
		return nil
	}
	w, err := newWeb(&l, d.controlHandler())
	if err != nil {
		_ = s.Close()
		return err
	}
	w.server.WriteTimeout = 0 // a reload takes as long as it takes
	d.control = &port{cfg: l, socket: s, service: w, gate: newGate(s.stream, l, d.log.Logger, d.metrics)}
	return nil
}

func (d *Daemon) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, d.Status()) })
	mux.HandleFunc("POST /reload", d.serveReload)
	mux.HandleFunc("GET /explain", d.serveExplain)
	mux.HandleFunc("POST /forgive", d.serveForgive)
	mux.HandleFunc("POST /jobs/run", d.serveJob)
	d.mountAPI(mux, true)
	return mux
}

// Status describes the daemon as it is now.
func (d *Daemon) Status() *Status {
	st := d.store.Status()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &Status{
		Version: Version(), PID: os.Getpid(), Uptime: d.uptime().Seconds(), Config: d.cfg.Path, Reason: d.unready(),
		Database: DatabaseStatus{
			Name: d.database.read.Name, Up: st.DatabaseUp, LastError: st.LastError, LastLoad: st.LastDuration.Seconds(),
			Following: st.Following, FollowError: st.FollowError, Missed: st.Missed,
		},
	}
	s.Ready = s.Reason == ""
	w := d.writes.stats()
	s.Spool = SpoolStatus{Pending: w.Pending, Dead: w.Dead, Applied: w.Applied, Damaged: w.Damaged}
	if w.Failing && w.LastError != nil {
		s.Spool.LastError = w.LastError.Error()
	}
	if d.logins != nil {
		s.Guard = d.logins.guard.status()
	}
	s.Outside = d.outside.status()
	s.DKIM, s.Shadow = d.records.status(), d.shadow.report()
	s.Alarms = d.alarms.Count()
	s.Mailboxes = d.mailboxes.status()
	for _, p := range d.ports {
		s.Listeners = append(s.Listeners, ListenerStatus{
			Protocol: p.cfg.Protocol, Address: p.address(), Table: p.cfg.Table,
			Connections: p.gate.open(), Max: p.cfg.MaxConnections,
		})
	}
	if snap := d.store.Current(); snap != nil {
		problems, total := snap.Problems()
		s.Snapshot = &SnapshotStatus{
			Generation: snap.Generation(), Loaded: snap.Loaded(), Checked: st.Checked, Age: st.Age.Seconds(), Stale: st.Stale, Stored: st.Stored,
			Schema: snap.Schema(), Counts: snap.Counts(), Problems: total, FirstProblems: problems[:min(len(problems), maxProblems)],
		}
	}
	return s
}

// address names the endpoint, with the port that was chosen if it was left to
// the system.
func (p *port) address() string {
	if p.cfg.endpoint.Kind == Inet {
		return "inet:" + p.socket.Addr().String()
	}
	return p.cfg.endpoint.String()
}

func (d *Daemon) serveReload(w http.ResponseWriter, r *http.Request) {
	err := d.store.Reload(r.Context())
	st := d.store.Status()
	result := ReloadResult{Generation: st.Generation, Took: st.LastDuration.Seconds()}
	status := http.StatusOK
	if err != nil {
		result.Error, result.Remedy, status = err.Error(), remedyOf(err), http.StatusBadGateway
	}
	reply(w, status, result)
}

// serveExplain explains from the data being served, not from the database:
// that is what Postfix gets.
func (d *Daemon) serveExplain(w http.ResponseWriter, r *http.Request) {
	snap := d.store.Current()
	address, login := r.URL.Query().Get("address"), r.URL.Query().Get("login")
	switch {
	case snap == nil:
		plain(w, http.StatusServiceUnavailable, d.unready())
	case address != "":
		reply(w, http.StatusOK, lookup.Explain(snap, d.config().LookupOptions(), address, time.Now()))
	case login != "":
		reply(w, http.StatusOK, d.explainLoginIn(snap, login, r.URL.Query().Get("service")))
	default:
		plain(w, http.StatusBadRequest, "want ?address= or ?login=")
	}
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // else the client has left
}
