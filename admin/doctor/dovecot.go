package doctor

// Dovecot is how Dovecot is wired.
type Dovecot struct{}

// ClientsOf returns the users of Dovecot that connect to a socket.
func (d *Dovecot) ClientsOf(protocol, file string, uid, gid int) []Client { return nil }
