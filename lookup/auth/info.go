package auth

import (
	"net"
	"net/netip"

	"github.com/vmapd/vmapd/lookup/internal/peer"
	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// Info is what a client says about the session it asks for, and the kernel
// about the client. What was not said is zero. The byte slices are valid until
// the function that got them, or the Rest it returned, has returned.
type Info struct {
	Service   string         // imap, pop3, lmtp, doveadm ...; smtp is Postfix and Exim, submission is Dovecot's
	Remote    netip.AddrPort // of the mail client; not valid if not said, port 0 if not said
	Local     netip.AddrPort // where the mail client connected to
	Session   []byte         // Dovecot's name for the session
	LocalName []byte         // the host name that TLS was asked for (SNI)
	ClientID  []byte         // what the IMAP ID command said
	CertUser  []byte         // user name in the certificate of the mail client
	ValidCert bool           // that certificate is valid
	Secured   bool           // TLS, or a connection within this host
	TLS       bool           // surely TLS; Postfix and old Dovecots do not say
	NoPenalty bool           // no delay for a client with failures before is wanted
	NoLogin   bool           // only the password is to be checked, no session follows
	Peer      Peer           // who asks
}

// Peer is the process at the other end of a unix socket, as the kernel said
// when it connected.
type Peer struct {
	PID      int
	UID, GID uint32
	Known    bool // false: not a unix socket, and the rest means nothing
}

// peerOf asks the kernel.
func peerOf(nc net.Conn) Peer {
	c, ok := peer.Of(nc)
	return Peer{PID: c.PID, UID: c.UID, GID: c.GID, Known: ok}
}

// addrCache remembers the last address it parsed: most clients send one of the
// two addresses again and again.
type addrCache struct {
	text string
	addr netip.Addr
}

// parse reads an address. What is none gives the zero Addr.
func (c *addrCache) parse(b []byte) netip.Addr {
	if string(b) == c.text {
		return c.addr
	}
	text := string(b)
	addr, err := netip.ParseAddr(text)
	if err != nil || len(text) > 64 {
		return netip.Addr{}
	}
	c.text, c.addr = text, addr.Unmap()
	return c.addr
}

// infoParser reads the fields of requests.
type infoParser struct {
	rip, lip addrCache
	mask     []byte // user= of LIST
}

// parse reads the fields into i until resp=, which must be the last one; it
// returns the value of that, and the fields behind it. Names that are not known
// are skipped, and so are empty fields.
func (p *infoParser) parse(i *Info, b []byte) (resp, behind []byte) {
	var remote, local netip.Addr
	var rport, lport uint16
	for len(b) > 0 {
		var field []byte
		field, b, _ = cutField(b)
		name, val, _ := cut(field, '=')
		switch string(name) {
		case "rip":
			remote = p.rip.parse(val)
		case "lip":
			local = p.lip.parse(val)
		case "rport":
			rport = parsePort(val)
		case "lport":
			lport = parsePort(val)
		case "user":
			p.mask = strescape.Unescape(val)
		case "resp":
			resp, behind, b = val, b, nil
		default:
			i.set(name, val)
		}
	}
	i.Remote, i.Local = netip.AddrPortFrom(remote, rport), netip.AddrPortFrom(local, lport)
	return resp, behind
}

// set takes one field.
func (i *Info) set(name, val []byte) {
	switch string(name) {
	case "service", "protocol":
		i.Service = ServiceName(strescape.Unescape(val))
	case "session":
		i.Session = strescape.Unescape(val)
	case "local_name":
		i.LocalName = strescape.Unescape(val)
	case "client_id":
		i.ClientID = strescape.Unescape(val)
	case "cert_username":
		i.CertUser = strescape.Unescape(val)
	case "secured":
		i.Secured, i.TLS = true, string(val) == "tls"
	case "valid-client-cert":
		i.ValidCert = true
	case "no-penalty":
		i.NoPenalty = true
	case "nologin":
		i.NoLogin = true
	}
}

// ServiceName is string(b), and makes none for the services of Dovecot and Postfix.
func ServiceName(b []byte) string {
	switch string(b) {
	case "imap":
		return "imap"
	case "pop3":
		return "pop3"
	case "smtp":
		return "smtp"
	case "lmtp":
		return "lmtp"
	case "lda":
		return "lda"
	case "sieve":
		return "sieve"
	case "submission":
		return "submission"
	case "doveadm":
		return "doveadm"
	case "quota-status":
		return "quota-status"
	}
	return string(b)
}

// parsePort reads a port; what is none gives 0.
func parsePort(b []byte) uint16 {
	n, ok := parseID(b)
	if !ok || n > 65535 {
		return 0
	}
	return uint16(n)
}
