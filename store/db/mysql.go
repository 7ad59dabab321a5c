package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// openMySQL builds the driver's Config field by field: its DSN has another
// syntax than our URL.
func openMySQL(a *address, o Options) (*sql.DB, error) {
	if a.database == "" {
		return nil, errors.New("the database's name is missing after the host")
	}
	query := ""
	if a.query != "" {
		query = "?" + a.query
	}
	cfg, err := mysql.ParseDSN("tcp(localhost:3306)/" + query)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "invalid DSN: "))
	}
	cfg.User, cfg.Passwd, cfg.DBName = a.user, a.password, a.database
	cfg.Net, cfg.Addr = a.network, mysqlAddr(a)
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.Collation = "utf8mb4_general_ci" // known to MySQL 5.5 and every MariaDB
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	if _, set := cfg.Params["time_zone"]; !set {
		cfg.Params["time_zone"] = "'+00:00'" // Modoboa stores UTC
	}
	if _, set := cfg.Params["lock_wait_timeout"]; !set {
		cfg.Params["lock_wait_timeout"] = strconv.Itoa(int(lockWait(o.IOTimeout).Seconds())) // for metadata: ALTER TABLE
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = o.ConnectTimeout
	}
	if cfg.ReadTimeout == 0 {
		cfg.ReadTimeout = o.IOTimeout
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = o.IOTimeout
	}
	cfg.Logger = &mysql.NopLogger{} // errors are returned, not logged
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	if o.ReadOnly {
		c = readOnlyConnector{c}
	}
	return sql.OpenDB(limitedConnector{c, cfg.Timeout}), nil
}

// limitedConnector limits all of connecting. The driver's own timeout is for
// the TCP connection alone: a server that accepts and then says nothing would be
// waited for as for an answer.
type limitedConnector struct {
	driver.Connector
	limit time.Duration
}

func (l limitedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, l.limit)
	defer cancel()
	c, err := l.Connector.Connect(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("connect: %w", os.ErrDeadlineExceeded)
	}
	return c, err
}

// readOnlyConnector makes each session refuse writes. It is a statement and
// not a connection parameter because MySQL and MariaDB name the variable
// differently.
type readOnlyConnector struct{ driver.Connector }

func (r readOnlyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.(driver.ExecerContext).ExecContext(ctx, "SET SESSION TRANSACTION READ ONLY", nil); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func mysqlAddr(a *address) string {
	if a.network == "unix" {
		return a.host
	}
	host, port, err := net.SplitHostPort(a.host)
	if err != nil {
		host = strings.Trim(a.host, "[]")
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "3306"
	}
	return net.JoinHostPort(host, port)
}

// mysqlKind classifies by error number
// (https://mariadb.com/kb/en/mariadb-error-code-reference/).
func mysqlKind(err error) ConnectKind {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		switch e.Number {
		case 1045, 1698: // access denied for user
			return BadPassword
		case 1049: // unknown database
			return NoDatabase
		case 1044, 1142, 1143, 1227: // access to database, table, column denied; privilege
			return NoRights
		case 3159: // connections must be encrypted
			return BadTLS
		case 1040, 1053, 1203, 1205: // too many connections, shutdown, user's limit, lock wait
			return Busy
		}
		return notConnect
	}
	switch {
	case errors.Is(err, mysql.ErrNoTLS):
		return BadTLS
	case errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, driver.ErrBadConn):
		return Unreachable
	case errors.Is(err, mysql.ErrNativePassword), errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrOldPassword):
		return BadPassword
	}
	return netKind(err)
}
