package modoboa

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// InitOptions says what [Init] shall make.
type InitOptions struct {
	// Admin is the login of the super administrator, "admin" if empty. It is
	// folded.
	Admin string
}

// Credentials are what the first super administrator needs. They exist here
// and nowhere else in clear: show them once.
type Credentials struct {
	User     string
	Password string // 20 letters and digits
	Token    string // for "Authorization: Token ...", 40 hexadecimal digits
	// Capture is why changes are not captured, nil if they are. Only MySQL may
	// refuse triggers to who may create tables.
	Capture *CaptureError
}

// Init creates Modoboa's tables in an empty database, the three roles, a super
// administrator with a random password and API token, and the triggers that
// capture changes.
//
// A database that has any table is refused and not touched; the error says
// what was found and what to do. If anything fails later nothing is left
// behind: PostgreSQL and SQLite roll back, on MySQL the tables that were made
// are dropped again.
func Init(ctx context.Context, d *db.DB, o InitOptions) (*Credentials, error) {
	c, err := newCredentials(o.Admin)
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	hash, err := hashPassword(c.Password)
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	if err := refuseUsed(ctx, d); err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	var made []string
	err = inSteps(ctx, d, func(q querier) error {
		if err := applySchema(ctx, d, q, 0, func(t string) { made = append(made, t) }); err != nil {
			return err
		}
		if err := seed(ctx, d, q, c, hash); err != nil {
			return err
		}
		c.Capture, err = installIfAllowed(ctx, d, q)
		return err
	})
	if err != nil && d.Dialect == db.MySQL {
		err = errors.Join(err, dropTables(d, made))
	}
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	return c, nil
}

// installIfAllowed installs the capture of changes in tables of our own. A user
// who may not make triggers gets the tables nevertheless: they work without.
func installIfAllowed(ctx context.Context, d *db.DB, q querier) (*CaptureError, error) {
	err := installCapture(ctx, d, q, CaptureOptions{})
	if f := d.FailureOf(err); d.Dialect == db.MySQL && (f == db.NotAllowed || f == db.NotReplicable) {
		return newCaptureError(d, "install the triggers", err), nil
	}
	return nil, err
}

// dropTables undoes a failed Init on MySQL. It does not use the caller's
// context: that one may be why Init failed.
func dropTables(d *db.DB, tables []string) error {
	for _, t := range slices.Backward(tables) {
		if _, err := d.ExecContext(context.Background(), "DROP TABLE "+d.Quote(t)); err != nil {
			return fmt.Errorf("drop table %s again: %w: drop it by hand, then repeat", t, err)
		}
	}
	return nil
}

// refuseUsed returns an error that names what a database contains.
func refuseUsed(ctx context.Context, d *db.DB) error {
	tables, err := d.Tables(ctx, d.DB)
	if err != nil {
		return err
	}
	switch {
	case len(tables) == 0:
		return nil
	case slices.Contains(tables, "vmapd_schema"):
		return fmt.Errorf("%s has been initialised before: use it as it is, or give an empty database", d.Name)
	case slices.Contains(tables, "django_migrations") && slices.Contains(tables, "admin_domain"):
		return fmt.Errorf("%s is a Modoboa database (%d tables): it needs no init, \"vmapd serve\" reads it as it is", d.Name, len(tables))
	}
	shown := tables[:min(len(tables), 5)]
	more := ""
	if len(tables) > len(shown) {
		more = fmt.Sprintf(" and %d more", len(tables)-len(shown))
	}
	return fmt.Errorf("%s is not empty, it has the tables %s%s: create an empty database and set database.url to it",
		d.Name, strings.Join(shown, ", "), more)
}

// seed writes the rows that every Modoboa has. The ids of an empty database
// are given rather than asked for, which would be spelled in three ways; the
// counters of PostgreSQL are moved behind them.
func seed(ctx context.Context, d *db.DB, q execer, c *Credentials, hash string) error {
	var err error
	do := func(query string, args ...any) {
		if err == nil {
			_, err = q.ExecContext(ctx, d.Rebind(query), args...)
		}
	}
	for i, role := range []string{"SimpleUsers", "DomainAdmins", "Resellers"} {
		do("INSERT INTO auth_group (id, name) VALUES (?, ?)", i+1, role)
	}
	types := make(map[string]int, len(contentTypes))
	for i, t := range contentTypes {
		label, model, _ := strings.Cut(t, ".")
		types[t] = i + 1
		do("INSERT INTO django_content_type (id, app_label, model) VALUES (?, ?, ?)", i+1, label, model)
	}
	do("INSERT INTO django_site (id, domain, name) VALUES (1, 'example.com', 'example.com')")
	do("INSERT INTO core_localconfig (site_id) VALUES (1)")
	do("INSERT INTO core_user (id, username, password, is_superuser) VALUES (1, ?, ?, ?)", c.User, hash, true)
	do("INSERT INTO core_objectaccess (user_id, content_type_id, object_id, is_owner) VALUES (1, ?, 1, ?)", types["core.user"], true)
	for _, l := range rows.UserLimits {
		do("INSERT INTO limits_userobjectlimit (user_id, name, content_type_id) VALUES (1, ?, ?)", l.Name, types[l.ContentType])
	}
	do("INSERT INTO authtoken_token ("+d.Quote("key")+", user_id) VALUES (?, 1)", c.Token)
	if d.Dialect == db.PostgreSQL {
		for _, t := range []string{"auth_group", "django_content_type", "django_site", "core_user"} {
			do(fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%[1]s', 'id'), (SELECT max(id) FROM %[1]s))", t))
		}
	}
	if err != nil {
		return fmt.Errorf("write the first rows: %w", err)
	}
	return nil
}

// contentTypes are the kinds of objects that roles and limits speak of
// (django_content_type, "app_label.model").
var contentTypes = []string{"core.user", "admin.domain", "admin.domainalias", "admin.mailbox", "admin.alias"}

func newCredentials(admin string) (*Credentials, error) {
	name := store.Fold(strings.TrimSpace(admin))
	if name == "" {
		name = "admin"
	}
	if err := rows.CheckText(name, 254); err != nil {
		return nil, fmt.Errorf("name of the administrator: %w", err)
	}
	if strings.ContainsAny(name, " \t") {
		return nil, fmt.Errorf("name of the administrator: %q has a blank in it", name)
	}
	password, err := randomPassword()
	if err != nil {
		return nil, err
	}
	token := make([]byte, 20)
	if _, err := rand.Read(token); err != nil {
		return nil, err
	}
	return &Credentials{User: name, Password: password, Token: hex.EncodeToString(token)}, nil
}

// passwordLetters lacks what is easily mistaken when copied by eye: 0O 1Il.
const passwordLetters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// randomPassword returns 20 letters and digits (116 bits), at least one small
// letter, one capital and one digit among them, as Modoboa's rules want.
func randomPassword() (string, error) {
	for {
		b := make([]byte, 20)
		for i := range b {
			n, err := rand.Int(rand.Reader, big.NewInt(int64(len(passwordLetters))))
			if err != nil {
				return "", err
			}
			b[i] = passwordLetters[n.Int64()]
		}
		s := string(b)
		if strings.ContainsAny(s, "23456789") && strings.ToLower(s) != s && strings.ToUpper(s) != s {
			return s, nil
		}
	}
}
