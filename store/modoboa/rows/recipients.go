package rows

// Leads finds what a recipient of a domain of ours is: it asks find for a
// mailbox or an alias by the whole address and then without its extension, in
// Postfix's order.
func Leads(address string, find func(address string) (*Mailbox, *Alias)) (*Mailbox, *Alias) {
	for {
		if m, a := find(address); m != nil || a != nil {
			return m, a
		}
		base, ok := WithoutExtension(address)
		if !ok {
			return nil, nil
		}
		address = base
	}
}

// Known are the recipients that an alias has, so that none is written twice
// and no unique pair is hit. Modoboa's tables take each mailbox and each alias
// once per alias: if an alias has user+a@ and user+b@, the second gets no
// reference.
type Known struct {
	addresses map[string]bool
	mailboxes map[int64]bool
	aliases   map[int64]bool
	newBoxes  map[*Mailbox]bool
	newTarget map[*Alias]bool
}

// NewKnown is for an alias that has no recipient yet.
func NewKnown() *Known {
	return &Known{map[string]bool{}, map[int64]bool{}, map[int64]bool{}, map[*Mailbox]bool{}, map[*Alias]bool{}}
}

// Stored notes a row of the database; mailbox and alias are what it refers to,
// 0 for nothing.
func (k *Known) Stored(address string, mailbox, alias int64) {
	k.addresses[address] = true
	k.mailboxes[mailbox] = true
	k.aliases[alias] = true
}

// Take notes a new recipient and takes a reference from it that would be the
// second one. It reports false if the alias has the recipient already.
func (k *Known) Take(r *Recipient) bool {
	if k.addresses[r.Address] {
		return false
	}
	k.addresses[r.Address] = true
	if m := r.Mailbox; m != nil {
		if k.newBoxes[m] || m.ID != 0 && k.mailboxes[m.ID] {
			r.Mailbox = nil
		}
		k.newBoxes[m] = true
	}
	if a := r.Target; a != nil {
		if k.newTarget[a] || a.ID != 0 && k.aliases[a.ID] {
			r.Target = nil
		}
		k.newTarget[a] = true
	}
	return true
}
