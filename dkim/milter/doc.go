// Package milter has messages signed: it is a mail filter ("milter") for
// Postfix and other MTAs.
//
// # Who is signed for
//
// A message is eligible if the client has authenticated ({auth_type} is not
// empty at MAIL), or comes from one of [Settings.Networks], or the MTA calls
// itself ({daemon_name}) by one of [Settings.DaemonNames]. What stands in From
// never makes a message eligible; it chooses the key of one that is.
//
// A message that is not eligible, or for whose author there is no key, passes
// unsigned, and the MTA does not even send its body. No message is ever refused,
// put off or held for more than [KeyWait]: whatever goes wrong here, it passes
// unsigned, and [Server.Report] is told why.
//
// # How it is spoken
//
// A packet has a length, a letter that says what it is, and data. Names and
// numbers are those of emersion/go-milter; its own loop is not used, for it has no
// time limits, cannot drain, forgets a connection's state after a reply that ends
// a message, answers without regard to what the MTA offered, and copies each packet
// several times into new memory. Here a wire hands whole packets on from its one
// buffer, and bodies in pieces, gathers the replies into one write, and keeps the
// time; a session is what the packets make known.
//
// What the MTA can do without - replies to most events, one blank less after the
// colon of a field - is agreed on only where it was offered. Of 16 or more round
// trips of a message two are left: the reply to the end of the header, which can
// be that the body is not wanted, and the one to the end of the message.
//
// The session of a connection lives as long as the connection; what belongs to
// one message is forgotten at the next MAIL, and at ABORT, which Postfix sends
// after every message, and may send twice.
package milter
