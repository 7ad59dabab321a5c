package keyring

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/vmapd/vmapd/dkim"
)

// retryBad is how often a file is looked at that could not be used.
const retryBad = 15 * time.Second

// Run reads keys until ctx ends. It must be called once.
func (r *Ring) Run(ctx context.Context) {
	r.loadKept()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { r.asker(ctx) })
	tick := time.NewTicker(min(r.o.Recheck, retryBad))
	defer tick.Stop()
	defer r.rest()
	checked := time.Now()
	for ctx.Err() == nil {
		r.takeOver()
		if n, ok := r.pop(); ok {
			r.look(n)
			continue
		}
		r.rest()
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-tick.C:
			now := time.Now()
			all := now.Sub(checked) >= r.o.Recheck
			if all {
				checked = now
			}
			r.enqueue(all)
		}
	}
}

// rush looks at what somebody waits for, in the midst of longer work.
func (r *Ring) rush() {
	for {
		r.mu.Lock()
		urgent := len(r.urgent) > 0
		r.mu.Unlock()
		if !urgent {
			return
		}
		n, _ := r.pop()
		r.look(n)
	}
}

// pop returns what to look at next: what somebody waits for comes first.
func (r *Ring) pop() (name, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range []*[]name{&r.urgent, &r.queue} {
		if n := len(*q); n > 0 {
			first := (*q)[0]
			if *q = (*q)[1:]; n == 1 {
				*q = nil
			}
			return first, true
		}
	}
	return name{}, false
}

// enqueue has all files looked at again, or those of keys that are not as they
// should be.
func (r *Ring) enqueue(all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) > 0 {
		return // not through with the last time yet
	}
	for n, e := range r.entries {
		if all || e.err != nil || !e.since.IsZero() {
			r.queue = append(r.queue, n)
		}
	}
}

// takeOver goes through the newest snapshot if it says something else about
// signing than the one before.
func (r *Ring) takeOver() {
	r.mu.Lock()
	s, rescan := r.newest, r.rescan
	r.newest, r.rescan = nil, false
	if rescan {
		for n := range r.entries {
			r.queue = append(r.queue, n)
		}
	}
	if s == nil || s.SameKeys(r.synced) {
		if s != nil {
			r.synced = s
		}
		r.mu.Unlock()
		return
	}
	r.round++
	r.mu.Unlock()
	n := 0
	for d, k := range s.SigningDomains() {
		r.want(d.Name, k.Selector, k.Path)
		if n++; n%256 == 0 {
			r.rush()
		}
	}
	for k := range s.AllSigningKeys() {
		if n++; n%256 == 0 {
			r.rush()
		}
		if Stage(k.Stage) == Active || Stage(k.Stage) == Retiring {
			r.want(k.Domain, k.Selector, k.Path)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.synced = s
	r.changes++
	for n, e := range r.entries {
		if e.round != r.round {
			r.queue = append(r.queue, n) // it may be time to forget it
		}
	}
}

// want notes what a row says of a key.
func (r *Ring) want(domain, selector, path string) {
	if selector == "" {
		return // of a row that is not served
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := name{domain, selector}
	e := r.entries[n]
	if e == nil {
		n = name{strings.Clone(domain), strings.Clone(selector)}
		e = new(entry)
		r.entries[n] = e
	}
	known := e.round != 0 || e.looked
	if e.round = r.round; known && e.path == path && e.err == nil && e.since.IsZero() {
		return
	}
	if e.path != path {
		e.path = strings.Clone(path)
	}
	r.queue = append(r.queue, n)
}

// look looks at the file of a key.
func (r *Ring) look(n name) {
	r.mu.Lock()
	e := r.entries[n]
	if e == nil {
		r.mu.Unlock()
		return
	}
	path, was, old, kept := e.path, e.file, e.key, e.kept
	gone := e.round != r.round && r.synced != nil
	r.mu.Unlock()
	f := &found{gone: gone}
	switch {
	case gone:
		f.err = reasonError(NoKey)
	case path == "":
		f.err = reasonError(Unmade)
	default:
		f.der, f.is, f.err = r.read(path, was)
	}
	if f.der != nil && old != nil && !old.same(&material{f.der}) {
		f.other, f.err = otherKey(path, f.der, old)
	}
	f.letGo = r.letGo(n, kept)
	r.note(n, e, path, f)
}

// otherKey makes sure that a key which is to take the place of another is a
// good one: of the first keys messages find out, since reading one takes long.
// It returns its public half, nil if it is the old key in another notation.
func otherKey(path string, der []byte, old *material) (crypto.PublicKey, error) {
	private, err := dkim.ParsePrivate(der)
	if err != nil {
		return nil, damagedKey(path, err)
	}
	public := private.Public()
	if was, err := dkim.ParsePrivate(old.der); err == nil && dkim.Fingerprint(was.Public()) == dkim.Fingerprint(public) {
		return nil, nil
	}
	return public, nil
}

func (r *Ring) read(path string, was stamp) ([]byte, stamp, error) {
	if r.folder == nil {
		d, err := openFolder(r.o.Dir)
		if err != nil {
			err = folderError(r.o.Dir, path, err)
			r.folderIs(err)
			return nil, stamp{}, err
		}
		r.folder = d
		r.folderIs(nil)
	}
	return r.folder.read(path, was)
}

// rest closes the folder when there is nothing to read for now: another one
// may come in its place.
func (r *Ring) rest() {
	if r.folder != nil {
		r.folder.close()
		r.folder = nil
	}
}

// folderIs reports once that no key at all can be read.
func (r *Ring) folderIs(err error) {
	switch {
	case err != nil && !r.down:
		r.o.Report(Event{Text: "no key can be read", Err: err})
	case err == nil && r.down:
		r.o.Report(Event{Text: "keys can be read again"})
	}
	r.down = err != nil
}

// found is what a look at a file brought.
type found struct {
	der   []byte // nil and no error: as before
	is    stamp
	err   error
	other crypto.PublicKey // the public half, if it is not the old key
	gone  bool             // the row is gone, or does not sign any more
	letGo bool             // the old key is not wanted any more
}

// note takes over what was found, unless the row has changed meanwhile.
func (r *Ring) note(n name, e *entry, path string, f *found) {
	r.mu.Lock()
	if e.path != path { // it is in the queue again
		r.mu.Unlock()
		return
	}
	before, waited := e.err, e.next != nil && e.looked
	r.choose(e, f)
	event := r.age(e, f)
	if f.gone && e.key == nil {
		delete(r.entries, n)
	}
	if event.Text == "" && !f.gone {
		event = e.news(before, waited, r.o.Keep)
	}
	if e.done != nil {
		close(e.done)
		e.done = nil
	}
	e.looked = true
	kept := r.keptWork(n, e)
	r.mu.Unlock()
	kept()
	if event.Text != "" {
		event.Domain, event.Selector = n.domain, n.selector
		r.o.Report(event)
	}
}

// choose decides which key signs after a look at the file.
func (r *Ring) choose(e *entry, f *found) {
	unchanged := f.err == nil && f.der == nil
	if unchanged && e.key == nil {
		return // it is as bad as it was
	}
	e.file, e.err = f.is, f.err
	if f.err != nil {
		e.file = stamp{} // to be read again
	}
	switch {
	case unchanged:
	case f.err != nil:
		r.setNext(e, nil)
	case e.key == nil:
		r.setKey(e, &material{f.der})
	case f.other == nil:
		r.setNext(e, nil)
	default:
		if e.next == nil && e.looked {
			e.since = time.Time{} // whatever was wrong before: another time begins
		}
		r.setNext(e, &material{f.der})
	}
}

// age begins the time of an old key, or ends it.
func (r *Ring) age(e *entry, f *found) Event {
	now := r.o.Now()
	switch {
	case e.key == nil || e.err == nil && e.next == nil:
		e.since = time.Time{}
		return Event{}
	case e.since.IsZero():
		e.since = now
		return Event{}
	case e.next != nil && f.letGo:
		r.promote(e)
		return Event{Text: "the new key signs by order"}
	case now.Sub(e.since) < r.o.Keep && !f.letGo:
		return Event{}
	case e.next != nil:
		r.promote(e)
		return Event{Text: "the time of the old key is over: the new one signs, though DNS does not show it"}
	}
	r.parsed.drop(e.key)
	r.setKey(e, nil)
	e.since = time.Time{}
	if f.gone {
		return Event{}
	}
	return Event{Text: "the time of the old key is over: there is no key to sign with", Err: e.err}
}

// news says what has become of a key since it was looked at before.
func (e *entry) news(before error, waited bool, keep time.Duration) (v Event) {
	var f *FileError
	v.Err = e.err
	if !e.since.IsZero() {
		v.Until = e.since.Add(keep)
	}
	switch {
	case errors.As(e.err, &f) && f.folder:
		return Event{} // reported for all
	case e.next != nil && !waited:
		v.Text = "another key is in its file: the old one signs until DNS shows the new one"
	case e.err == nil && before != nil && e.next == nil && e.looked:
		v.Text = "the key can be used"
	case e.err == nil || before != nil && before.Error() == e.err.Error():
	case e.key != nil:
		v.Text = "the old key signs on"
	case !errors.Is(e.err, reasonError(Unmade)):
		v.Text = "cannot sign"
	}
	return v
}

// setKey notes the key that signs.
func (r *Ring) setKey(e *entry, m *material) {
	e.key = m
	r.changes++
}

// setNext notes the key that waits for DNS.
func (r *Ring) setNext(e *entry, m *material) {
	switch {
	case e.next == nil && m != nil:
		r.waits++
		signal(r.ask)
	case e.next != nil && m == nil:
		r.waits--
	}
	e.next = m
}

func (r *Ring) promote(e *entry) {
	r.parsed.drop(e.key)
	r.setKey(e, e.next)
	e.since = time.Time{}
	r.setNext(e, nil)
}

// asker asks DNS for keys that wait for it.
func (r *Ring) asker(ctx context.Context) {
	if r.o.Published == nil {
		return
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.ask:
		case <-tick.C:
		}
		r.askAll(ctx)
	}
}

func (r *Ring) askAll(ctx context.Context) {
	waiting := map[name]*material{}
	r.mu.Lock()
	if r.waits > 0 {
		for n, e := range r.entries {
			if e.next != nil {
				waiting[n] = e.next
			}
		}
	}
	r.mu.Unlock()
	for n, m := range waiting {
		private, err := dkim.ParsePrivate(m.der)
		if err != nil || ctx.Err() != nil {
			continue
		}
		domain, err := dkim.FoldDomain(n.domain)
		if err != nil || r.o.Published(ctx, domain, n.selector, private.Public()) != Yes {
			continue
		}
		r.replaceBy(n, m, "DNS shows the new key: it signs")
	}
}

// replaceBy lets a key that waits sign.
func (r *Ring) replaceBy(n name, m *material, text string) {
	r.mu.Lock()
	e := r.entries[n]
	ok := e != nil && e.next != nil && (m == nil || e.next == m)
	kept := func() {}
	if ok {
		r.promote(e)
		kept = r.keptWork(n, e)
	}
	r.mu.Unlock()
	kept()
	if ok {
		r.o.Report(Event{Domain: n.domain, Selector: n.selector, Text: text})
	}
}

// Activate lets the key that is in a file sign at once, whatever DNS shows.
func (r *Ring) Activate(domain, selector string) {
	r.replaceBy(name{domain, selector}, nil, "the new key signs by order")
}
