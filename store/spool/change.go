package spool

// change is one transaction on the file.
type change struct {
	writes   []Write   // one per key, in order of arrival
	finished []int64   // versions to take out
	refused  []refusal // versions to set aside

	at    map[id]int // where in writes a key is
	fresh int        // how many of the keys are not pending yet
	asked int        // how many writes were asked for
}

// outcome is what a transaction did.
type outcome struct {
	first   int64  // the sequence number of writes[0]; the others follow
	foreign []item // what another process has written since the last look
	dead    int    // writes set aside in the file
}

func (c *change) empty() bool { return len(c.writes)+len(c.finished)+len(c.refused) == 0 }

func (c *change) has(name id) bool { _, ok := c.at[name]; return ok }

// add takes a write in; it replaces one of the same key.
func (c *change) add(w Write) {
	c.asked++
	if i, ok := c.at[w.id()]; ok {
		c.writes[i] = w
		return
	}
	if c.at == nil {
		c.at = map[id]int{}
	}
	c.at[w.id()] = len(c.writes)
	c.writes = append(c.writes, w)
}
