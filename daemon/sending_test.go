package daemon

import (
	"maps"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/alarm"
	"github.com/vmapd/vmapd/lookup/rules"
	"github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/store"
)

// heldAlarms is a book of alarms in memory.
type heldAlarms map[string]bool

func (h heldAlarms) Open(kind, subject, _, _ string) { h[kind+" "+subject] = true }
func (h heldAlarms) Close(kind, subject string)      { delete(h, kind+" "+subject) }

func (h heldAlarms) Subjects(kind string) (list []string) {
	for k := range h {
		if subject, ok := cutKind(k, kind); ok {
			list = append(list, subject)
		}
	}
	return list
}

func cutKind(key, kind string) (string, bool) {
	if len(key) > len(kind) && key[:len(kind)+1] == kind+" " {
		return key[len(kind)+1:], true
	}
	return "", false
}

// TestSendingAlarms: an alarm is open for as long as a limit is used up, also when
// a process before this one has opened it, and for as long as somebody is
// suspended.
func TestSendingAlarms(t *testing.T) {
	b := store.NewBuilder()
	b.AddDomain(store.Domain{ID: 1, Name: "a.test", Type: store.LocalDomain, Enabled: true})
	for i, name := range []string{"ann", "ben"} {
		id := uint32(i + 1)
		b.AddAccount(store.Account{ID: id, Username: name + "@a.test", Email: name + "@a.test", Active: true})
		b.AddMailbox(store.Mailbox{ID: id, Local: name, DomainID: 1, AccountID: id, MessageLimit: store.LimitOf(2)})
	}
	snap := b.Build(time.Now())
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	held := heldAlarms{alarm.SendingLimit + " ann@a.test": true, alarm.SendingLimit + " ben@a.test": true} // from before
	s := &sending{snapshot: func() *store.Snapshot { return snap }, log: zap.NewNop(), alarms: held, over: map[sendlimit.Subject]time.Time{}}
	e := sendlimit.Open(sendlimit.Settings{Now: func() time.Time { return now }, OnOver: s.reached, OnSuspend: s.suspended, OnRelease: s.released})
	s.engine.Store(e)
	s.rules = rules.New(nil, nil, s, rules.Hooks{}, rules.Settings{})
	ann := sendlimit.Subject{Kind: sendlimit.Account, Name: "ann@a.test"}
	charge := sendlimit.Charge{Instance: "1", Recipients: 2, Subjects: []sendlimit.Limited{{Subject: ann, Limits: []sendlimit.Limit{{Unit: sendlimit.Recipients, Max: 2}}}}}
	if v := s.Take(t.Context(), charge); !v.OK {
		t.Fatalf("%+v", v)
	}
	open := func(want ...string) {
		t.Helper()
		s.recover(now)
		if got := slices.Sorted(maps.Keys(held)); !slices.Equal(got, want) {
			t.Errorf("open: %q, want %q", got, want)
		}
	}
	open("sending_limit ann@a.test") // all is used; ben may send again
	now = now.Add(13 * time.Hour)
	open()
	charge.Instance, charge.Recipients = "2", 1
	s.Take(t.Context(), charge)
	charge.Instance, charge.Recipients = "3", 2
	if v := s.Take(t.Context(), charge); v.OK {
		t.Fatal("over the limit")
	}
	open("sending_limit ann@a.test")
	e.Suspend(ann, time.Time{}, "x")
	open("sending_limit ann@a.test", "sending_suspended ann@a.test")
	e.Release(ann)
	open("sending_limit ann@a.test")
	now = now.Add(24 * time.Hour)
	open()
}
