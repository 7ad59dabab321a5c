package modoboa

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vmapd/vmapd/store/spool"
)

// The kinds of writes that WriteBack knows.
const (
	KindQuota     = "quota"      // key: admin_quota.username; value: see QuotaWrite
	KindLastLogin = "last_login" // key: core_user.username; value: RFC 3339
	KindPassword  = "password"   // key: core_user.username; value: see PasswordWrite
)

type quotaUsage struct {
	username        string
	bytes, messages int64
}

type lastLogin struct {
	username string
	at       time.Time
}

// quotaValue is the value of a quota write: absolute figures, both of them,
// since the last write of a key replaces the others.
type quotaValue struct {
	Bytes    *int64 `json:"bytes"`
	Messages *int64 `json:"messages"`
}

// QuotaWrite returns the write that says how much is in a mailbox. address is
// the mailbox's as Modoboa spells it.
func QuotaWrite(address string, bytes, messages int64, at time.Time) spool.Write {
	value, _ := json.Marshal(quotaValue{&bytes, &messages}) // two numbers always can
	return spool.Write{Kind: KindQuota, Key: address, Value: value, At: at}
}

// LastLoginWrite returns the write that says when an account logged in.
func LastLoginWrite(username string, at time.Time) spool.Write {
	return spool.Write{Kind: KindLastLogin, Key: username, Value: []byte(at.UTC().Format(time.RFC3339Nano)), At: at}
}

// ParseQuota reads the value of a quota write, for who reads his own writes.
// messages fits the column's 32 bits, neither is negative.
func ParseQuota(value []byte) (size, messages int64, err error) {
	var v quotaValue
	d := json.NewDecoder(bytes.NewReader(value))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return 0, 0, fmt.Errorf("quota value: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return 0, 0, errors.New("quota value: something follows it")
	}
	switch {
	case v.Bytes == nil || v.Messages == nil:
		return 0, 0, errors.New("quota value: bytes or messages is missing")
	case *v.Bytes < 0 || *v.Messages < 0 || *v.Messages > math.MaxInt32:
		return 0, 0, fmt.Errorf("quota value: %d bytes, %d messages: out of range", *v.Bytes, *v.Messages)
	}
	return *v.Bytes, *v.Messages, nil
}

// ParseLastLogin reads the value of a last-login write. It lies in the years
// 1000 to 9999, which every engine has.
func ParseLastLogin(value []byte) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, string(value))
	if err != nil {
		return time.Time{}, fmt.Errorf("last login: %w", err)
	}
	t = t.UTC()
	if t.Year() < 1000 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("last login: the year %d is out of range", t.Year())
	}
	return t, nil
}

func readQuota(w *spool.Write) (q quotaUsage, err error) {
	q.username = w.Key
	if q.bytes, q.messages, err = ParseQuota(w.Value); err == nil {
		err = checkName(w.Key)
	}
	return q, err
}

func readLastLogin(w *spool.Write) (l lastLogin, err error) {
	l.username = w.Key
	if l.at, err = ParseLastLogin(w.Value); err == nil {
		err = checkName(w.Key)
	}
	return l, err
}

// checkName refuses what PostgreSQL refuses in a text, on every engine.
func checkName(s string) error {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return fmt.Errorf("name %q is not UTF-8, or has a NUL in it", s)
	}
	return nil
}
