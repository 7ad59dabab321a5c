package daemon

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/net/idna"

	"github.com/vmapd/vmapd/admin/alarm"
	"github.com/vmapd/vmapd/lookup/usage"
	"github.com/vmapd/vmapd/store"
)

// How often to look at what alarms are about. A look at a mailbox takes some 0.4
// µs, so that all looks together take a hundredth of one core at most. It is not
// measured: a busy machine would have it put off for minutes.
const (
	watchTick  = 2 * time.Second
	watchPause = 10 * time.Second // between two looks at all mailboxes, at least
	perMailbox = 40 * time.Microsecond
	redisApart = 30 * time.Second
)

// alarmWatch looks at what the daemon knows anyhow, and opens and closes alarms.
type alarmWatch struct {
	d    *Daemon
	book *alarm.Book
	now  func() time.Time
	// verdicts are what DNS shows of keys, by domain.
	verdicts func() map[string]verdict
	down     time.Time // since when the database is, zero = it is not
	apart    time.Time // since when Redis is away
}

// watchAlarms looks until ctx ends.
func (d *Daemon) watchAlarms(ctx context.Context) {
	w := &alarmWatch{d: d, book: d.alarms.Book, now: time.Now, verdicts: d.records.verdicts}
	tick := time.NewTicker(d.alarms.tick)
	defer tick.Stop()
	var mailboxes time.Time // when to look at them again
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !w.book.Ready() { // what was open before is not known
			continue
		}
		w.database()
		w.redis()
		w.keys()
		if time.Now().After(mailboxes) {
			n := w.mailboxes(ctx)
			mailboxes = time.Now().Add(max(d.alarms.pause, time.Duration(n)*perMailbox))
		}
	}
}

// lasts says whether something bad has lasted for long enough; since remembers its
// beginning.
func (w *alarmWatch) lasts(bad bool, since *time.Time, long time.Duration) bool {
	switch {
	case !bad:
		*since = time.Time{}
	case since.IsZero():
		*since = w.now()
	}
	return bad && long > 0 && w.now().Sub(*since) >= long
}

func (w *alarmWatch) database() {
	st := w.d.store.Status()
	bad := !st.DatabaseUp && st.LastError != ""
	switch {
	case w.lasts(bad, &w.down, w.d.config().Alarms.DatabaseDown.D()):
		w.book.Open(alarm.DatabaseDown, "", "the database cannot be read", st.LastError)
	case st.DatabaseUp:
		w.book.Close(alarm.DatabaseDown, "")
	}
}

func (w *alarmWatch) redis() {
	guard := w.d.logins.guard
	var err error
	if guard.shared != nil {
		err = guard.Apart()
	}
	switch {
	case w.lasts(err != nil, &w.apart, redisApart):
		w.book.Open(alarm.RedisError, "", "counts are not shared with other hosts: Redis does not answer", err.Error())
	case err == nil:
		w.book.Close(alarm.RedisError, "")
	}
}

// keys opens an alarm for each domain with a key that verifiers do not find, and
// closes it when all of its keys are found, or none is wanted any more.
func (w *alarmWatch) keys() {
	snap := w.d.store.Current()
	if snap == nil {
		return
	}
	seen := map[string]bool{}
	for name, v := range w.verdicts() {
		subject := nameInData(snap, name)
		seen[subject] = true
		switch {
		case len(v.wrong) > 0:
			r := v.wrong[0]
			more := ""
			if n := len(v.wrong) - 1; n > 0 {
				more = fmt.Sprintf("; and %d more", n)
			}
			w.book.Open(alarm.DKIMKeyNotInDNS, subject, "mail of "+subject+" is signed with a key that is not in DNS", r.Name+": "+r.Detail+more)
		case v.right == v.keys:
			w.book.Close(alarm.DKIMKeyNotInDNS, subject)
		}
	}
	for _, subject := range w.book.Subjects(alarm.DKIMKeyNotInDNS) {
		if !seen[subject] && !wantsKeys(snap, subject) {
			w.book.Close(alarm.DKIMKeyNotInDNS, subject)
		}
	}
}

// nameInData is the name of a domain as the database spells it: perhaps with
// U-labels.
func nameInData(snap *store.Snapshot, name string) string {
	if _, ok := snap.Domain(name); ok {
		return name
	}
	if u, err := idna.ToUnicode(name); err == nil {
		if _, ok := snap.Domain(u); ok {
			return u
		}
	}
	return name
}

// wantsKeys reports whether mail of a domain is to be signed.
func wantsKeys(snap *store.Snapshot, name string) bool {
	if d, ok := snap.Domain(name); ok && snap.DKIM(d.ID).Enabled {
		return true
	}
	for range snap.SigningKeys(name) {
		return true
	}
	return false
}

// mailboxes looks at how full mailboxes are, and returns how many there are.
func (w *alarmWatch) mailboxes(ctx context.Context) int {
	snap := w.d.store.Current()
	if snap == nil {
		return 0
	}
	c := w.d.config().Alarms
	for _, l := range []struct {
		kind string
		on   int
	}{{alarm.MailboxNearlyFull, c.MailboxNearlyFull}, {alarm.MailboxFull, c.MailboxFull}} {
		lookAtMailboxes(ctx, w.book, snap, w.d.logins.usage, l.kind, alarm.Level{On: l.on, Off: l.on - c.MailboxHysteresis})
	}
	return snap.Counts().Mailboxes
}

// lookAtMailboxes opens and closes the alarms of one kind. Of a mailbox whose
// usage nobody knows they stay as they are.
func lookAtMailboxes(ctx context.Context, book *alarm.Book, snap *store.Snapshot, u *usage.Usage, kind string, level alarm.Level) {
	held := map[string]bool{}
	for _, address := range book.Subjects(kind) {
		held[address] = true
	}
	n := 0
	for m := range snap.AllMailboxes() {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return
		}
		if m.Quota == 0 || level.On <= 0 {
			continue
		}
		was := held[m.Address]
		f, known := u.Of(&m)
		all := int64(m.Quota) << 20
		switch above := level.Above(was, f.Bytes, all); {
		case !known:
			delete(held, m.Address)
		case above:
			delete(held, m.Address)
			book.Open(kind, m.Address, fmt.Sprintf("%s is %d %% full", m.Address, f.Bytes*100/all), fmt.Sprintf("%d of %d MB", f.Bytes>>20, m.Quota))
		}
	}
	for address := range held { // below, gone, or without a quota
		book.Close(kind, address)
	}
}
