package manage

import (
	"database/sql"
	"errors"
	"time"
)

// Inactive is an account whose user has not logged in for long.
type Inactive struct {
	ID        int64
	Username  string
	LastLogin time.Time
}

const inactive = "is_active = ? AND is_superuser = ? AND last_login < ?"

// Inactive lists the active accounts that logged in last before a time, but no
// super administrators: by id, those with greater ids than after, at most most
// of them. Who never logged in is none of them.
func (t *Tx) Inactive(before time.Time, after int64, most int) ([]Inactive, error) {
	var list []Inactive
	err := t.each("SELECT id, username, "+t.db.Text("last_login")+" FROM core_user WHERE "+inactive+" AND id > ? ORDER BY id LIMIT ?",
		[]any{true, false, t.db.Time(before), after, most}, func(r *sql.Rows) error {
			var a Inactive
			var at sql.NullString
			err := r.Scan(&a.ID, &a.Username, &at)
			a.LastLogin = timeOf(at)
			list = append(list, a)
			return err
		})
	return list, err
}

// CountInactive returns how many there are.
func (t *Tx) CountInactive(before time.Time) (int64, error) {
	return t.count("SELECT count(*) FROM core_user WHERE "+inactive, true, false, t.db.Time(before))
}

// StillInactive reports whether an account is still one of them.
func (t *Tx) StillInactive(id int64, before time.Time) (bool, error) {
	n, err := t.count("SELECT count(*) FROM core_user WHERE "+inactive+" AND id = ?", true, false, t.db.Time(before), id)
	return n > 0, err
}

// Refused returns what an action refuses to do, nil if err is about the
// machine.
func Refused(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
