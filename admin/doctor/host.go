package doctor

import "time"

// Host is what a machine says of itself, gathered by the caller. A part that is
// nil is not looked at.
type Host struct {
	Warnings []string // of the configuration, one sentence each
	Sockets  []Socket
	Files    *Files
	Daemon   *Daemon
	// Away says why the database could not be read, nil if it was. It may have a
	// method Remedy.
	Away    error
	Postfix *Postfix
	Dovecot *Dovecot
	Outside []OutsideProblem
}

// Socket is a socket that the configuration names.
type Socket struct {
	Protocol string
	Path     string   // of a unix socket
	TCP      string   // host:port of any other
	Clients  []Client // who must be able to connect to Path
}

// Client is a user of the system that connects to a socket.
type Client struct {
	Name string // for people
	UID  int
	GIDs []int
}

// Files are the folders that vmapd keeps things in.
type Files struct {
	StateDir string
	KeyDir   string // of DKIM keys
	UID      int    // user that runs vmapd, -1 if nobody knows
	Mail     *MailRoot
}

// Daemon is what a running daemon says of itself.
type Daemon struct {
	Error    string // why it does not answer, "" if it does; nothing else means anything then
	Hidden   bool   // because the caller may not ask it
	NotReady string // why, "" if it is ready
	Config   string // its configuration file
	Version  string

	WantConfig  string // what the caller has
	WantVersion string

	DatabaseUp    bool
	DatabaseError string
	Age           time.Duration // of the data
	Stale         bool          // too old to be served
	Stored        bool          // from the disk, and the database was not read since

	Operations *Operations // on folders of mailboxes; nil if none are carried out

	Following   bool   // changes are followed
	FollowError string // why they are not, if that is a failure
	Missed      int    // changes that audits found missing

	SpoolPending int
	SpoolDead    int    // writes that the database refused
	SpoolError   string // while writing fails
	SpoolDamaged string // where a damaged spool was moved to

	OutsideDown []OutsideServer // that are not asked now

	KeysWrong []KeyWrong // DKIM keys whose record in DNS is not as it should be
}

// KeyWrong is a record that is wrong.
type KeyWrong struct{ Name, Detail string }
