package store

// Edit returns a Builder that begins with the rows of s. It shares their
// memory and copies only what it changes, so a change costs what it changes,
// not what there is.
func (s *Snapshot) Edit() *Builder { panic("not yet") }

// SetPosition says at which position of the database's log the rows were read.
func (b *Builder) SetPosition(p Position) { panic("not yet") }

// Remove removes the row of a table with a primary key; one that is not there
// is no error.
func (b *Builder) Remove(k Kind, id uint32) { panic("not yet") }

// RemoveQuotaUsage removes the row of admin_quota with exactly that username.
func (b *Builder) RemoveQuotaUsage(username string) { panic("not yet") }
