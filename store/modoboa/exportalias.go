package modoboa

import (
	"database/sql"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// exportedAlias is an alias while its recipients are read.
type exportedAlias struct {
	id, domain int64
	address    string
	enabled    bool
	mailbox    bool // of the same address
	copies     bool // the internal alias of that mailbox is enabled
	recipients []string
}

// aliases writes the aliases that people made; those of mailboxes are
// forwards.
func (e *exporter) aliases() error {
	query := `SELECT a.id, a.address, a.domain_id, a.enabled, coalesce(r.address, ''),
			CASE WHEN s.id IS NULL THEN 0 ELSE 1 END, coalesce(s.enabled, ?)
		FROM admin_alias a LEFT JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
		LEFT JOIN admin_alias s ON s.address = a.address AND s.internal = ? AND s.domain_id IS NOT NULL
		WHERE a.internal = ? AND a.domain_id IS NOT NULL ORDER BY ` + e.bytewise("a.address") + ", a.id, r.id"
	var now exportedAlias
	err := e.each("admin_alias", query, []any{false, true, false}, func(r *sql.Rows) error {
		var a exportedAlias
		var in, self int64
		var recipient string
		if err := r.Scan(&a.id, &a.address, &in, &a.enabled, &recipient, &self, &a.copies); err != nil {
			return err
		}
		if a.id != now.id {
			if err := e.alias(&now); err != nil {
				return err
			}
			a.address, a.mailbox, a.domain = store.Fold(a.address), self == 1, in
			now = a
		}
		if recipient != "" {
			now.recipients = append(now.recipients, recipient)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.alias(&now)
}

func (e *exporter) alias(a *exportedAlias) error {
	if a.id == 0 {
		return nil
	}
	if e.domains[a.domain] == nil {
		e.without("alias", a.address, a.domain)
		return nil
	}
	if len(a.recipients) == 0 {
		e.warn("alias %q is left out: it has no recipient", rows.Shown(a.address))
		return nil
	}
	kind := "alias"
	if a.mailbox {
		kind = "forward"
		if !a.copies && a.enabled && !slices.ContainsFunc(a.recipients, func(s string) bool { return store.Fold(s) == a.address }) {
			e.warn("forward %q keeps no copy in the mailbox; after an import it does, until the internal alias is disabled", rows.Shown(a.address))
		}
	}
	return e.line(kind, a.address, append([]string{boolean(a.enabled)}, a.recipients...)...)
}

// cleaned leaves out what CheckBytes does not take.
func cleaned(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || rows.CheckBytes(string(r)) != nil {
			return -1
		}
		return r
	}, s))
}
