package milter

import (
	"encoding/binary"
	"fmt"

	"github.com/emersion/go-milter"
)

// version is the one we answer with: Postfix then sends neither DATA nor
// UNKNOWN, and heeds all that is agreed on nevertheless (src/milter/milter8.c).
const version = 2

// offer is what an MTA says it can do.
type offer struct {
	version  uint32
	actions  milter.OptAction
	protocol milter.OptProtocol
}

// What is asked for if it is offered.
const (
	leaveOut = milter.OptNoHelo | milter.OptNoRcptTo | milter.OptNoUnknown | milter.OptNoData
	noReply  = milter.OptNoConnReply | milter.OptNoMailReply | milter.OptNoHeaderReply | milter.OptNoBodyReply
)

// macroLists are what session looks at, by stage.
var macroLists = []struct {
	stage milter.Stage
	names string
}{
	{milter.StageConnect, "{daemon_name}"},
	{milter.StageMailFrom, "i {auth_type}"},
	{milter.StageEOM, "i"},
	{milter.StageEOH, "i"},
}

// readOffer reads an offer, and says what is wrong with it.
func readOffer(data []byte) (offer, error) {
	if len(data) < 3*4 {
		return offer{}, &ProtocolError{fmt.Sprintf("an offer of %d bytes", len(data))}
	}
	o := offer{
		binary.BigEndian.Uint32(data),
		milter.OptAction(binary.BigEndian.Uint32(data[4:])),
		milter.OptProtocol(binary.BigEndian.Uint32(data[8:])),
	}
	if o.version < version || o.actions&milter.OptAddHeader == 0 {
		return offer{}, &ProtocolError{fmt.Sprintf("the client offers version %d, actions %#x: want %d and more, and that fields can be added", o.version, uint32(o.actions), version)}
	}
	return o, nil
}

// agree chooses from an offer.
func (s *Server) agree(o offer) offer {
	want := leaveOut | milter.OptSkip
	if !s.EveryReply {
		want |= noReply
	}
	if !s.KeepSpaces {
		want |= milter.OptHeaderLeadingSpace
	}
	actions := milter.OptAddHeader
	if !s.AnyMacros {
		actions |= milter.OptSetSymList
	}
	return offer{version: version, actions: actions & o.actions, protocol: want & o.protocol}
}

// text is an agreement as it is sent.
func (o offer) text() string {
	var b []byte
	for _, n := range []uint32{o.version, uint32(o.actions), uint32(o.protocol)} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	if o.actions&milter.OptSetSymList != 0 {
		for _, l := range macroLists {
			b = binary.BigEndian.AppendUint32(b, uint32(l.stage))
			b = append(append(b, l.names...), 0)
		}
	}
	return string(b)
}
