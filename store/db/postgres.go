package db

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// openPostgres gives pgx the URL without the password, so that none of its
// errors can hold it.
func openPostgres(a *address, o Options) (*sql.DB, error) {
	u := url.URL{Scheme: "postgres", Host: a.host, Path: "/" + a.database, RawQuery: a.query}
	if a.user != "" {
		u.User = url.User(a.user)
	}
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New(pgxReason(err))
	}
	if a.password != "" {
		cfg.Password = a.password
	}
	a.user, a.database = cfg.User, cfg.Database // as the environment completed them
	a.actual = cfg.Host
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = o.ConnectTimeout
	}
	// These are the parameters that PgBouncer lets through; it refuses others,
	// default_transaction_read_only among them.
	for k, v := range map[string]string{"application_name": "vmapd", "timezone": "UTC", "datestyle": "ISO", "client_encoding": "UTF8"} {
		if _, set := cfg.RuntimeParams[k]; !set {
			cfg.RuntimeParams[k] = v
		}
	}
	if !strings.Contains(a.query, "default_query_exec_mode") {
		// No statement is kept prepared: a load runs each query once, a
		// prepared one would break at the first migration of Modoboa's, and
		// PgBouncer does not like them.
		cfg.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	}
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &patientConn{Conn: c, limit: o.IOTimeout}, nil
	}
	return stdlib.OpenDB(*cfg), nil
}

// AtOnce is the first argument of a query that PostgreSQL is to be asked in one round
// trip instead of two: the text is sent as it is, without preparing it. It is
// for queries without other arguments.
const AtOnce = pgx.QueryExecModeSimpleProtocol

// pgxReason cuts "cannot parse `postgres://…`: " from an error of
// pgx.ParseConfig.
func pgxReason(err error) string {
	s := err.Error()
	if _, after, ok := strings.Cut(s, "`: "); ok {
		return after
	}
	return s
}

// patientConn ends a Read or Write that makes no progress for limit: pgx
// itself knows no such limit. Deadlines that pgx sets (when a context ends) go
// first.
type patientConn struct {
	net.Conn
	limit time.Duration
	mu    sync.Mutex
	fixed bool // pgx has set a deadline
}

func (c *patientConn) Read(p []byte) (int, error) {
	c.push(c.Conn.SetReadDeadline)
	return c.Conn.Read(p)
}

func (c *patientConn) Write(p []byte) (int, error) {
	c.push(c.Conn.SetWriteDeadline)
	return c.Conn.Write(p)
}

func (c *patientConn) push(set func(time.Time) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fixed {
		_ = set(time.Now().Add(c.limit))
	}
}

// SetDeadline sets both deadlines; the zero time gives them back to us.
func (c *patientConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

// postgresKind classifies by SQLSTATE
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func postgresKind(err error) ConnectKind {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch {
		case e.Code == "28P01":
			return BadPassword
		case e.Code == "28000" && strings.Contains(e.Message, "encryption"):
			return BadTLS // "no pg_hba.conf entry for host …, no encryption"
		case e.Code == "28000":
			return BadPassword
		case e.Code == "3D000":
			return NoDatabase
		case e.Code == "42501":
			return NoRights
		case strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57P"), strings.HasPrefix(e.Code, "08"):
			return Busy
		}
		return notConnect
	}
	if s := err.Error(); strings.Contains(s, "server refused TLS") {
		return BadTLS
	} else if strings.Contains(s, "password") && strings.Contains(s, "SASL") {
		return BadPassword // asked for a password and we have none
	}
	if kind := netKind(err); kind != notConnect {
		return kind
	}
	var c *pgconn.ConnectError
	if errors.As(err, &c) {
		return Unreachable
	}
	return notConnect
}
