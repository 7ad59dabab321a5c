package db

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// ErrCannotListen says that no notification would arrive: the dialect has none,
// the server is a standby, or a pooler between us and the server shares one
// session among many clients.
var ErrCannotListen = errors.New("no notifications from this database")

const (
	listenPing    = 5 * time.Second // silence after which a listener asks whether the server is there
	listenTimeout = 3 * time.Second // for the answer
)

// Listen listens on a channel of PostgreSQL's (LISTEN), on a connection of its
// own, and calls wake for each notification, and once when it has begun. It
// returns when ctx ends or the connection is lost: a server that falls silent
// is noticed within eight seconds. The error is ErrCannotListen, a
// *ConnectError, or that of ctx.
func (d *DB) Listen(ctx context.Context, channel string, wake func()) error {
	if d.Dialect != PostgreSQL {
		return ErrCannotListen
	}
	c, err := d.Conn(ctx)
	if err != nil {
		return d.listenError(ctx, err)
	}
	defer func() { _ = c.Close() }()
	var failed error
	_ = c.Raw(func(dc any) error {
		failed = listen(ctx, dc.(*stdlib.Conn).Conn(), channel, wake)
		return driver.ErrBadConn // a session that listens is not given back to the pool
	})
	return d.listenError(ctx, failed)
}

func (d *DB) listenError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case d.FailureOf(err) == NotAllowed: // 25006: "cannot execute LISTEN during recovery"
		return fmt.Errorf("%w: %w", ErrCannotListen, err)
	case errors.Is(err, ErrCannotListen):
		return err
	}
	return d.Explain(fmt.Errorf("listen: %w", err))
}

func listen(ctx context.Context, c *pgx.Conn, channel string, wake func()) error {
	if err := tryListen(ctx, c, pgx.Identifier{channel}.Sanitize()); err != nil {
		return err
	}
	wake()
	for {
		_, err := waitNotification(ctx, c, listenPing)
		switch {
		case err == nil:
			wake()
			continue
		case ctx.Err() != nil || c.IsClosed() || !isTimeout(err):
			return err
		}
		if err := ping(ctx, c); err != nil {
			return err
		}
	}
}

// tryListen listens, and sends itself a notification to see whether any
// arrive: PgBouncer lets LISTEN through in transaction pooling and then drops
// what comes (https://www.pgbouncer.org/features.html). The channel for that is
// another one, so that nobody else is woken.
func tryListen(ctx context.Context, c *pgx.Conn, channel string) error {
	echo := pgx.Identifier{"vmapd_echo_" + rand.Text()}.Sanitize()
	for _, s := range []string{"listen " + channel, "listen " + echo, "notify " + echo, "unlisten " + echo} {
		if err := execSoon(ctx, c, s); err != nil {
			return err
		}
		if s[0] != 'n' {
			continue
		}
		if _, err := waitNotification(ctx, c, listenTimeout); err != nil {
			if ctx.Err() == nil && !c.IsClosed() && isTimeout(err) {
				return fmt.Errorf("%w: the server did not send back our own", ErrCannotListen)
			}
			return err
		}
	}
	return nil
}

func execSoon(ctx context.Context, c *pgx.Conn, query string) error {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	_, err := c.Exec(ctx, query)
	return err
}

func ping(ctx context.Context, c *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	return c.Ping(ctx)
}

func waitNotification(ctx context.Context, c *pgx.Conn, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	n, err := c.WaitForNotification(ctx)
	if err != nil {
		return "", err
	}
	return n.Channel, nil
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}
