package jobs

import (
	"context"
	"fmt"

	"github.com/vmapd/vmapd/admin/manage"
)

// Repair mends what Modoboa's command "modo repair" mends: objects that nobody
// owns, and mailboxes that lack the alias to themselves, so that a catch-all
// would take their mail.
func Repair() Job {
	return Job{Name: "repair", Text: "Gives an owner to objects that have none, and mailboxes the alias to themselves.", Run: repair}
}

// flaw is something to be mended, object by object.
type flaw struct {
	count func(t *manage.Tx) (int64, error)
	list  func(t *manage.Tx, after int64, most int) ([]manage.Ref, error)
	// mend returns what it did, "" for nothing.
	mend func(t *manage.Tx, o manage.Ref) (string, error)
	text func(o manage.Ref) string // what is wrong
}

func flaws() []flaw {
	all := []flaw{}
	for _, o := range manage.Owned() {
		all = append(all, flaw{
			count: func(t *manage.Tx) (int64, error) { return t.CountUnowned(o) },
			list:  func(t *manage.Tx, after int64, most int) ([]manage.Ref, error) { return t.Unowned(o, after, most) },
			mend: func(t *manage.Tx, ref manage.Ref) (string, error) {
				owner, err := t.GiveOwner(o, ref.ID)
				if owner == "" {
					return "", err
				}
				return fmt.Sprintf("%s %s is owned by %s now", o.Word(), ref.Name, owner), err
			},
			text: func(ref manage.Ref) string { return fmt.Sprintf("%s %s has no owner", o.Word(), ref.Name) },
		})
	}
	return append(all, flaw{
		count: (*manage.Tx).CountSelfless,
		list:  (*manage.Tx).Selfless,
		mend: func(t *manage.Tx, ref manage.Ref) (string, error) {
			made, err := t.MakeSelfAlias(ref.ID)
			if made == "" {
				return "", err
			}
			return fmt.Sprintf("mailbox %s: %s to itself made", ref.Name, made), err
		},
		text: func(ref manage.Ref) string { return fmt.Sprintf("mailbox %s lacks the alias to itself", ref.Name) },
	})
}

func repair(ctx context.Context, r *Run) error {
	m := &mender{Run: r}
	all := flaws()
	err := r.Read(ctx, func(t *manage.Tx) error {
		for _, f := range all {
			n, err := f.count(t)
			if err != nil {
				return err
			}
			m.total += n
		}
		return nil
	})
	for _, f := range all {
		if err == nil {
			err = m.all(ctx, &f)
		}
	}
	r.Result("%s %s", r.verb("mended", "would mend"), counted(m.mended, "object", "objects"))
	return err
}

// mender mends flaws.
type mender struct {
	*Run
	seen, mended, total int64
}

// all mends one kind of flaw, page by page. What cannot be mended is reported
// and passed over.
func (m *mender) all(ctx context.Context, f *flaw) error {
	const page = 100
	for after := int64(0); ; {
		var list []manage.Ref
		err := m.Read(ctx, func(t *manage.Tx) (err error) {
			list, err = f.list(t, after, page)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		for _, o := range list {
			if err := m.one(ctx, f, o); err != nil {
				return fmt.Errorf("%s: %w", f.text(o), err)
			}
			m.seen++
			m.Progress(m.seen, max(m.total, m.seen))
		}
		after = list[len(list)-1].ID
	}
}

func (m *mender) one(ctx context.Context, f *flaw, o manage.Ref) error {
	if m.DryRun {
		m.mended++
		m.Did("%s", f.text(o))
		return nil
	}
	var did string
	err := m.Write(ctx, func(t *manage.Tx) (err error) {
		did, err = f.mend(t, o)
		return err
	})
	if refused := manage.Refused(err); refused != nil {
		m.Did("%s: %v", f.text(o), refused)
		return nil
	}
	if err == nil && did != "" {
		m.mended++
		m.Did("%s", did)
	}
	return err
}
