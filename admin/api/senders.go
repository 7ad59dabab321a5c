package api

import (
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// sender is a further address that a mailbox may send as.
type sender struct {
	PK      int64  `json:"pk"`
	Address string `json:"address"`
	Mailbox int64  `json:"mailbox"`
}

type newSender struct {
	sender
	MailboxName string `json:"mailbox_name"`
}

func (c *call) sender(a *manage.SenderAddress) any {
	s := sender{a.ID, a.Address, a.MailboxID}
	if c.old {
		return s
	}
	return newSender{s, a.MailboxName}
}

// senderInput reads a sender address. Instead of the mailbox's pk its address
// may be given, as mailbox_name or as mailbox.
func (c *call) senderInput(required ...string) (in manage.SenderAddressInput, err error) {
	o, err := c.object()
	if err != nil {
		return in, err
	}
	o.require(required...)
	in = manage.SenderAddressInput{Address: o.text("address"), MailboxName: o.text("mailbox_name")}
	if raw, ok := o.value("mailbox"); ok {
		if strings.Contains(string(raw), "@") {
			in.MailboxName = o.text("mailbox")
		} else {
			in.Mailbox = o.number("mailbox", 1)
		}
	}
	if len(required) > 0 && !in.Mailbox.Set && !in.MailboxName.Set && len(o.bad["mailbox"]) == 0 {
		o.fail("mailbox", "This field is required.")
	}
	return in, o.err()
}

func listSenders(c *call) (step, error) {
	q, p, err := c.list("id")
	if err != nil {
		return nil, err
	}
	o := c.params("mailbox")
	q.Mailbox = o.number("mailbox", 1).Value
	return func(t *manage.Tx) (*answer, error) {
		all, err := t.SenderAddresses(q)
		if err != nil {
			return nil, err
		}
		return listed(c, p, all.Items, all.Total, c.sender)
	}, o.err()
}

func getSender(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return one(c.sender)(t.SenderAddress(id)) }, err
}

func createSender(c *call) (step, error) {
	in, err := c.senderInput("address")
	return func(t *manage.Tx) (*answer, error) { return newOne(c.sender)(t.CreateSenderAddress(in)) }, err
}

func updateSender(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	in, err := c.senderInput(c.requiredOnPut("address")...)
	return func(t *manage.Tx) (*answer, error) { return one(c.sender)(t.UpdateSenderAddress(id, in)) }, err
}

func deleteSender(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return gone(), t.DeleteSenderAddress(id) }, err
}
