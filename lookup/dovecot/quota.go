package dovecot

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/vmapd/vmapd/lookup/dict"
	"github.com/vmapd/vmapd/lookup/usage"
	"github.com/vmapd/vmapd/store"
)

// quota is the dicts "quota" and "quota_clone".
type quota struct{ *Dicts }

const (
	storage  = "priv/quota/storage"
	messages = "priv/quota/messages"
)

// Lookup implements dict.Dict. "Not there" makes Dovecot count the mailbox.
func (d *quota) Lookup(ctx context.Context, r *dict.Request, dst []byte) ([]byte, bool, error) {
	field, ok := fieldOf(string(r.Key))
	if !ok {
		return dst, false, errNoKey
	}
	s, err := d.Data.Snapshot(ctx)
	if err != nil {
		return dst, false, err
	}
	m, ok := s.Mailbox(store.Fold(string(r.User)))
	if !ok {
		return dst, false, nil
	}
	f, ok := d.Usage.Of(&m)
	if !ok {
		return dst, false, nil
	}
	if field == usage.Bytes {
		return strconv.AppendInt(dst, f.Bytes, 10), true, nil
	}
	return strconv.AppendInt(dst, f.Messages, 10), true, nil
}

func fieldOf(key string) (usage.Field, bool) {
	switch key {
	case storage:
		return usage.Bytes, true
	case messages:
		return usage.Messages, true
	}
	return 0, false
}

// Iterate implements dict.Dict.
func (d *quota) Iterate(context.Context, *dict.IterateRequest, func(key, value []byte) bool) error {
	return errNoRows
}

// Commit implements dict.Dict. A mailbox that is not there is an error, not a
// loss: it may be so new that the snapshot does not have it, and Dovecot reports
// again.
func (d *quota) Commit(ctx context.Context, t *dict.Transaction, done func(error)) {
	wait, err := d.begin(t)
	if errors.Is(err, usage.ErrUnknown) {
		err = fmt.Errorf("%w: %w", dict.ErrKeyMissing, err)
	}
	finish(ctx, wait, err, done)
}

func (d *quota) begin(t *dict.Transaction) (func(context.Context) error, error) {
	s := d.Data.Servable()
	if s == nil {
		return nil, errors.New("the mailboxes have not been read yet")
	}
	m, ok := s.Mailbox(store.Fold(t.User))
	if !ok {
		return nil, errors.New("there is no such mailbox")
	}
	ops := make([]usage.Op, len(t.Ops))
	for i := range t.Ops {
		var err error
		if ops[i], err = quotaOp(&t.Ops[i]); err != nil {
			return nil, err
		}
	}
	return d.Usage.Apply(&m, ops)
}

func quotaOp(o *dict.Op) (usage.Op, error) {
	field, ok := fieldOf(o.Key)
	if !ok {
		return usage.Op{}, errNoKey
	}
	switch o.Kind {
	case dict.Set:
		n, err := strconv.ParseInt(string(o.Value), 10, 64)
		if err != nil {
			return usage.Op{}, fmt.Errorf("%s is set to what is not a number", o.Key)
		}
		return usage.Op{Field: field, Action: usage.Set, Value: n}, nil
	case dict.Add:
		return usage.Op{Field: field, Action: usage.Add, Value: o.Diff}, nil
	}
	return usage.Op{Field: field, Action: usage.Forget}, nil
}
