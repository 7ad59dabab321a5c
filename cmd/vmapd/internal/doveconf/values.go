package doveconf

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/daemon"
)

// values are what the templates say.
type values struct {
	Options
	DictSocket   string
	AuthSocket   string // for login processes; "" with Auth dict
	MasterSocket string // "" with Auth dict
	Mechanisms   []string
	Separator    string
	Delimiter    string
	Delay        string
	UID, GID     int
	LMTP         listener
	Private      string // folder of sockets for Postfix alone
	SASL         string // main.cf's smtpd_sasl_path; "" = Dovecot's own auth service opens a socket
}

// listener is where Dovecot listens: Path, or else Host and Port.
type listener struct{ Path, Host, Port string }

func newValues(c *daemon.Config, o Options) (*values, error) {
	v := &values{
		Options: o, Mechanisms: c.Dovecot.Mechanisms, Separator: c.Dovecot.MasterSeparator, Delimiter: c.Lookup.RecipientDelimiter,
		Delay: fmt.Sprintf("%d", max(1, int(c.Dovecot.FailureDelay.D().Seconds()+0.5))), UID: c.Dovecot.UID, GID: c.Dovecot.GID,
		Private: o.Queue + "/private",
	}
	if c.Dovecot.FailureDelay == 0 {
		v.Delay = "0"
	}
	var err error
	if v.DictSocket, err = socket(c, o, "dict", false); err != nil {
		return nil, err
	}
	if o.Auth == Server {
		if v.AuthSocket, err = socket(c, o, "auth", false); err != nil {
			return nil, err
		}
		if v.MasterSocket, err = socket(c, o, "auth-master", false); err != nil {
			return nil, err
		}
	}
	if o.Auth == Server && o.Version == "2.3" && v.has("sieve") && path.Base(v.MasterSocket) != "auth-master" {
		return nil, fmt.Errorf("%s: ManageSieve of Dovecot 2.3 finds that socket under the name auth-master alone: call it so, or leave out the protocol sieve", v.MasterSocket)
	}
	if sasl, err := socket(c, o, "auth", true); err == nil {
		v.SASL = strings.TrimPrefix(sasl, o.Queue+"/")
	}
	v.LMTP, err = o.lmtp(c.Lookup.LocalTransport)
	return v, err
}

func (v *values) has(protocol string) bool { return slices.Contains(v.Protocols, protocol) }

// MasterDir is the folder of MasterSocket.
func (v *values) MasterDir() string { return path.Dir(v.MasterSocket) }

// socket finds the unix socket of a protocol: for Postfix rather one below its
// queue, where nobody else can reach it, for Dovecot rather one elsewhere.
func socket(c *daemon.Config, o Options, protocol string, postfix bool) (string, error) {
	found, inherited := "", -1
	for i, l := range c.Listen {
		if l.Protocol != protocol {
			continue
		}
		p, ok := strings.CutPrefix(l.Place(), "unix:")
		if !ok {
			inherited = i
			continue
		}
		if found == "" || strings.HasPrefix(p, o.Queue+"/") == postfix && strings.HasPrefix(found, o.Queue+"/") != postfix {
			found = p
		}
	}
	switch {
	case strings.ContainsAny(found, ": \t\"#"):
		return "", fmt.Errorf("%s: the path of the %s socket cannot be written in dovecot.conf: use one without spaces, colons, quotes and #", found, protocol)
	case found != "":
		return found, nil
	case inherited >= 0:
		return "", fmt.Errorf("the path of the %s socket is in systemd's unit alone: add -o listen.%d.address=unix:/its/path", protocol, inherited)
	}
	return "", fmt.Errorf("the configuration has no %s listener: add a [[listen]] section with protocol = %q for Dovecot to ask", protocol, protocol)
}

// lmtp turns the transport by which Postfix delivers into where Dovecot listens.
func (o *Options) lmtp(transport string) (listener, error) {
	_, hop, _ := strings.Cut(transport, ":")
	if p, ok := strings.CutPrefix(hop, "unix:"); ok {
		if !path.IsAbs(p) {
			p = path.Join(o.Queue, p)
		}
		return listener{Path: p}, nil
	}
	hop = strings.TrimPrefix(hop, "inet:")
	host, port := hop, "24"
	if i := strings.LastIndexByte(hop, ':'); i > strings.LastIndexByte(hop, ']') {
		host, port = hop[:i], hop[i+1:]
	}
	if host = strings.Trim(host, "[]"); host == "" {
		return listener{}, fmt.Errorf("lookup.local_transport = %q names no place where Dovecot could take mail: want lmtp:unix:/path or lmtp:inet:host:port", transport)
	}
	return listener{Host: host, Port: port}, nil
}

// Logins are the names of the programs that have a login process.
func (v *values) Logins() (programs []string) {
	for _, p := range v.Protocols {
		switch p {
		case "lmtp":
		case "sieve":
			programs = append(programs, "managesieve")
		default:
			programs = append(programs, p)
		}
	}
	return programs
}
