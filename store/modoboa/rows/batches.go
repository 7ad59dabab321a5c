package rows

// nullID is an id column: NULL for 0.
func nullID(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func (w *Writer) domainBatches(s *Set) []batch {
	var relayed []*Transport
	for _, d := range s.Domains {
		if d.Transport != nil {
			relayed = append(relayed, d.Transport)
		}
	}
	autoreply := 0
	if len(w.Base.Tables["postfix_autoreply_transport"]) > 0 {
		autoreply = len(s.Domains)
	}
	return []batch{
		{table: "transport_transport", names: []string{"id", "pattern", "service", "next_hop", "_settings"}, n: len(relayed), row: func(i int) []any {
			t := relayed[i]
			return []any{t.ID, t.Pattern, "relay", t.NextHop(), t.Settings()}
		}},
		{table: "relaydomains_recipientaccess", names: []string{"pattern", "action"}, n: len(s.Access), row: func(i int) []any {
			return []any{s.Access[i], "reject_unverified_recipient"}
		}},
		{
			table: "admin_domain", names: []string{"id", "name", "type", "enabled", "quota", "default_mailbox_quota", "transport_id"},
			n: len(s.Domains), rest: func(i int) Columns { return s.Domains[i].Rest },
			usual: Columns{"enable_dns_checks": true, "dkim_key_selector": "modoboa"}, row: func(i int) []any {
				d, kind, via := s.Domains[i], "domain", int64(0)
				if d.Transport != nil {
					kind, via = "relaydomain", d.Transport.ID
				}
				return []any{d.ID, d.Name, kind, d.Enabled, d.Quota, d.MailboxQuota, nullID(via)}
			},
		},
		{table: "admin_domainalias", names: []string{"id", "name", "target_id", "enabled"}, n: len(s.DomainAliases), row: func(i int) []any {
			a := s.DomainAliases[i]
			return []any{a.ID, a.Name, a.Target.ID, a.Enabled}
		}},
		// The autoreply plugin of Modoboa 1.x has a row for each domain.
		{table: "postfix_autoreply_transport", names: []string{"domain", "method"}, n: autoreply, row: func(i int) []any {
			return []any{"autoreply." + s.Domains[i].Name, "autoreply:"}
		}},
	}
}

func (w *Writer) accountBatches(s *Set) []batch {
	var inGroup []*User
	for _, u := range s.Users {
		if !u.Superuser {
			inGroup = append(inGroup, u)
		}
	}
	return []batch{
		{
			table: "core_user", names: []string{"id", "username", "email", "password", "first_name", "last_name", "is_active", "is_superuser"},
			n: len(s.Users), rest: func(i int) Columns { return s.Users[i].Rest },
			usual: Columns{"is_local": true, "language": "en"}, row: func(i int) []any {
				u := s.Users[i]
				return []any{u.ID, u.Login, u.Email, u.Password, u.First, u.Last, u.Enabled, u.Superuser}
			},
		},
		{table: "core_user_groups", names: []string{"user_id", "group_id"}, n: len(inGroup), row: func(i int) []any {
			return []any{inGroup[i].ID, w.Base.Groups[inGroup[i].Role]}
		}},
		{
			table: "admin_mailbox", names: []string{"id", "address", "domain_id", "user_id", "quota", "use_domain_quota"},
			n: len(s.Mailboxes), rest: func(i int) Columns { return s.Mailboxes[i].Rest }, row: func(i int) []any {
				m := s.Mailboxes[i]
				return []any{m.ID, m.Local, m.Domain.ID, m.User.ID, m.Quota, !m.QuotaGiven}
			},
		},
		{table: "admin_quota", names: []string{"username", "bytes", "messages"}, n: len(s.Quotas), row: func(i int) []any {
			u := s.Usage[s.Quotas[i]]
			return []any{s.Quotas[i], u.Bytes, u.Messages}
		}},
	}
}

func (w *Writer) aliasBatches(s *Set) []batch {
	return []batch{
		{
			table: "admin_alias", names: []string{"id", "address", "domain_id", "enabled", "internal"},
			n: len(s.Aliases), rest: func(i int) Columns { return s.Aliases[i].Rest }, row: func(i int) []any {
				a, in := s.Aliases[i], int64(0)
				if a.Domain != nil {
					in = a.Domain.ID
				}
				return []any{a.ID, a.Address, nullID(in), a.Enabled, a.Internal}
			},
		},
		{table: "modoboa_admin_aliasrecipient", names: []string{"address", "alias_id", "r_mailbox_id", "r_alias_id"}, n: len(s.Recipients), row: func(i int) []any {
			r := s.Recipients[i]
			var box, target int64
			if r.Mailbox != nil {
				box = r.Mailbox.ID
			}
			if r.Target != nil {
				target = r.Target.ID
			}
			return []any{r.Address, r.Alias.ID, nullID(box), nullID(target)}
		}},
	}
}

// rightsBatches are the rows of access rights and limits. Each new account and
// domain gets all limits, whatever its role, for it may be given another one.
func (w *Writer) rightsBatches(s *Set, grants []grant) []batch {
	out := []batch{{table: "core_objectaccess", names: []string{"user_id", "content_type_id", "object_id", "is_owner"}, n: len(grants), row: func(i int) []any {
		g := grants[i]
		return []any{g.user.ID, w.Base.ContentTypes[g.kind], g.object, g.owner}
	}}}
	if len(w.Base.Tables["limits_userobjectlimit"]) > 0 {
		n := len(UserLimits)
		out = append(out, batch{table: "limits_userobjectlimit", names: []string{"user_id", "name", "content_type_id", "max_value"}, n: n * len(s.Users), row: func(i int) []any {
			l := UserLimits[i%n]
			return []any{s.Users[i/n].ID, l.Name, w.Base.ContentTypes[l.ContentType], w.limit("user", l.Name)}
		}})
	}
	if len(w.Base.Tables["limits_domainobjectlimit"]) > 0 {
		n := len(DomainLimits)
		out = append(out, batch{table: "limits_domainobjectlimit", names: []string{"domain_id", "name", "max_value"}, n: n * len(s.Domains), row: func(i int) []any {
			name := DomainLimits[i%n]
			return []any{s.Domains[i/n].ID, name, w.limit("domain", name)}
		}})
	}
	return out
}

// limit is the first value of a limit: the configured default, but 0 for what
// is made by who is no super administrator (modoboa/limits/handlers.py).
func (w *Writer) limit(of, name string) int64 {
	if of == "user" && w.Owner != nil && !w.Owner.Superuser {
		return 0
	}
	return w.Base.Limits["deflt_"+of+"_"+name+"_limit"]
}
