package modoboa

import (
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/store/db"
)

const logFunction = "vmapd_log"

// logStatements make the two tables, and on PostgreSQL the function that all
// triggers call.
func logStatements(d *db.DB, schema string) []string {
	switch d.Dialect {
	case db.PostgreSQL:
		return []string{
			"create table " + schema + captureTable + " (version integer not null, epoch text not null, pruned bigint not null)",
			"create table " + schema + logTable + ` (id bigserial primary key, xid bigint not null default txid_current(),
				source varchar(64) not null, row_id bigint, row_key varchar(254), at timestamp with time zone not null default now())`,
			"create index vmapd_change_xid on " + schema + logTable + " (xid)",
			postgresFunction(schema),
			"revoke all on function " + schema + logFunction + "() from public",
		}
	case db.MySQL:
		return []string{
			"create table " + captureTable + " (version integer not null, epoch varchar(64) character set ascii not null, pruned bigint not null) engine = InnoDB",
			"create table " + logTable + ` (id bigint not null auto_increment primary key, source varchar(64) character set ascii not null,
				row_id bigint null, row_key varchar(254) character set utf8mb4 collate utf8mb4_bin null,
				at timestamp not null default current_timestamp) engine = InnoDB`,
		}
	default:
		return []string{
			"create table " + captureTable + " (version integer not null, epoch text not null, pruned integer not null)",
			"create table " + logTable + ` (id integer not null primary key autoincrement, source text not null,
				row_id integer, row_key text, at datetime not null default current_timestamp)`,
		}
	}
}

// postgresFunction logs what one statement did, once per row. It runs with the
// rights of who installed it, so that those who write Modoboa's tables need
// none on the log, and therefore names everything by schema
// (https://www.postgresql.org/docs/current/sql-createfunction.html, "Writing
// SECURITY DEFINER Functions Safely"). Branches are planned when they first
// run, so one function serves triggers with and without either transition
// table. A log that somebody dropped must not fail other people's writes.
func postgresFunction(schema string) string {
	log := schema + logTable
	ids := func(column, kind string) string {
		list := func(from string) string { return fmt.Sprintf("select %s::%s from %s", column, kind, from) }
		return fmt.Sprintf(`
    if tg_op = 'INSERT' then
      %[1]s := array(%[2]s limit %[5]d);
    elsif tg_op = 'DELETE' then
      %[1]s := array(%[3]s limit %[5]d);
    else
      %[1]s := array(%[2]s union %[3]s limit %[5]d);
    end if;
    n := cardinality(%[1]s);
    if n between 1 and %[6]d then
      insert into %[4]s (source, %[7]s) select tg_table_name, unnest(%[1]s);
    end if;`, column+"s", list("new_rows"), list("old_rows"), log, maxStatementRows+1, maxStatementRows,
			map[string]string{"id": "row_id", "username": "row_key"}[column])
	}
	return `create function ` + schema + logFunction + `() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $vmapd$
declare
  n integer;
  ids bigint[];
  usernames text[];
begin
  if to_regclass('` + strings.ReplaceAll(log, "'", "''") + `') is null then
    return null;
  end if;
  if tg_op = 'TRUNCATE' then
    n := ` + fmt.Sprint(maxStatementRows+1) + `;
  elsif tg_argv[0] = 'id' then` + ids("id", "bigint") + `
  else` + ids("username", "text") + `
  end if;
  if n = 0 then
    return null;
  end if;
  if n > ` + fmt.Sprint(maxStatementRows) + ` then
    insert into ` + log + ` (source) values (tg_table_name);
  end if;
  perform pg_notify('` + logTable + `', '');
  return null;
end $vmapd$`
}

// postgresTriggers fire once per statement. They fire in sessions with
// session_replication_role = replica too, in which importers run.
func postgresTriggers(t *table, schema string) []trigger {
	var all []trigger
	for _, e := range [][2]string{
		{"INSERT", "referencing new table as new_rows"},
		{"UPDATE", "referencing new table as new_rows old table as old_rows"},
		{"DELETE", "referencing old table as old_rows"},
		{"TRUNCATE", ""},
	} {
		name, on := triggerName(t, e[0]), schema+t.name
		all = append(all, trigger{name: name, table: t.name, create: []string{
			fmt.Sprintf("create trigger %s after %s on %s %s for each statement execute procedure %s%s('%s')", name, e[0], on, e[1], schema, logFunction, t.key()),
			fmt.Sprintf("alter table %s enable always trigger %s", on, name),
		}})
	}
	return all
}

func (t *table) logColumn() string {
	if t.numbered() {
		return "row_id"
	}
	return "row_key"
}

// mysqlTriggers do nothing when the log is gone (error 1146): that must not
// fail other people's writes. Texts are compared byte by byte, since a
// collation takes "A" for "a".
func mysqlTriggers(t *table) []trigger {
	log := func(row string) string {
		return fmt.Sprintf("insert into %s (source, %s) values ('%s', %s.%s);", logTable, t.logColumn(), t.name, row, t.key())
	}
	same := fmt.Sprintf("new.%[1]s <=> old.%[1]s", t.key())
	if !t.numbered() {
		same = fmt.Sprintf("cast(new.%[1]s as binary) <=> cast(old.%[1]s as binary)", t.key())
	}
	var all []trigger
	for _, e := range [][2]string{
		{"INSERT", log("new")},
		{"UPDATE", log("new") + " if not (" + same + ") then " + log("old") + " end if;"},
		{"DELETE", log("old")},
	} {
		name := triggerName(t, e[0])
		all = append(all, trigger{name: name, table: t.name, create: []string{fmt.Sprintf(
			"create trigger %s after %s on %s for each row begin declare continue handler for 1146 begin end; %s end", name, e[0], t.name, e[1])}})
	}
	return all
}

func sqliteTriggers(t *table) []trigger {
	log := func(rows string) string {
		return fmt.Sprintf("insert into %s (source, %s) %s;", logTable, t.logColumn(), rows)
	}
	row := func(which string) string { return fmt.Sprintf("select '%s', %s.%s", t.name, which, t.key()) }
	var all []trigger
	for _, e := range [][2]string{
		{"INSERT", log(row("new"))},
		{"UPDATE", log(row("new") + " union " + row("old"))},
		{"DELETE", log(row("old"))},
	} {
		name := triggerName(t, e[0])
		all = append(all, trigger{name: name, table: t.name, create: []string{
			fmt.Sprintf("create trigger %s after %s on %s for each row begin %s end", name, e[0], t.name, e[1]),
		}})
	}
	return all
}

func dropTrigger(d *db.DB, schema string, t trigger) string {
	if d.Dialect == db.PostgreSQL {
		return "drop trigger " + d.Quote(t.name) + " on " + schema + d.Quote(t.table)
	}
	return "drop trigger " + d.Quote(t.name)
}

// grants lets a role read and prune the log.
func grants(d *db.DB, o CaptureOptions) []string {
	if o.Grant == "" || d.Dialect == db.SQLite {
		return nil
	}
	who := d.Quote(o.Grant)
	if d.Dialect == db.MySQL {
		user, host, _ := strings.Cut(o.Grant, "@")
		if host == "" {
			host = "%"
		}
		who = mysqlAccount(user) + "@" + mysqlAccount(host)
	}
	return []string{
		"grant select, delete on " + logTable + " to " + who,
		"grant select, update on " + captureTable + " to " + who,
		"grant select on " + keyTable + " to " + who,
		"grant select, insert, delete on " + jobTable + " to " + who,
	}
}

func mysqlAccount(s string) string {
	return "'" + strings.ReplaceAll(strings.Trim(s, "'`\""), "'", "''") + "'"
}
