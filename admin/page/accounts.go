package page

import (
	"context"
	"net/url"
	"slices"

	"github.com/vmapd/vmapd/admin/manage"
)

func accounts() *kind[manage.Account, manage.AccountInput] {
	return &kind[manage.Account, manage.AccountInput]{
		path: "/accounts", one: "account", many: "Accounts", object: manage.UserObject,
		list:    (*manage.Tx).Accounts,
		columns: []column{{Label: "Login", Sort: "name"}, {Label: "Name"}, {Label: "Role", Sort: "role"}, {Label: "State"}, {Label: "Mailbox", Sort: "quota"}, {Label: "Last login", Sort: "last_login"}},
		row: func(a *manage.Account) []cell {
			box := plain("none")
			if m := a.Mailbox; m != nil {
				box = usage(m.Address, m.Used, m.Quota)
			}
			return []cell{plain(fullName(a)), plain(roleWord(a.Role)), enabled(a.Active), box, plain(whenever(a.LastLogin))}
		},
		get: (*manage.Tx).Account, id: func(a *manage.Account) int64 { return a.ID }, name: func(a *manage.Account) string { return a.Username },
		fields: accountFields,
		input:  accountInput,
		prepare: func(ctx context.Context, m *manage.Manager, in *manage.AccountInput) error {
			return m.HashPassword(ctx, in)
		},
		create: (*manage.Tx).CreateAccount,
		update: (*manage.Tx).UpdateAccount,
		remove: (*manage.Tx).DeleteAccount, files: true,
		loss: func(a *manage.Account) string {
			if a.Mailbox == nil {
				return "It has no mailbox."
			}
			return "Its mailbox, which holds " + size(a.Mailbox.Used) + ", goes with it."
		},
		about:   aboutAccount,
		parts:   append(senderParts(), limitPart()),
		changed: accountChanged,
	}
}

func fullName(a *manage.Account) string {
	switch {
	case a.FirstName == "":
		return a.LastName
	case a.LastName == "":
		return a.FirstName
	}
	return a.FirstName + " " + a.LastName
}

func roleWord(r manage.Role) string {
	switch r {
	case manage.SuperAdmins:
		return "super administrator"
	case manage.Resellers:
		return "reseller"
	case manage.DomainAdmins:
		return "domain administrator"
	case manage.SimpleUsers:
		return "user"
	}
	return "no role"
}

// rolesFor are the roles that somebody may give.
func rolesFor(c *manage.Caller) []manage.Role {
	all := []manage.Role{manage.SimpleUsers, manage.DomainAdmins, manage.Resellers, manage.SuperAdmins}
	switch c.Role {
	case manage.SuperAdmins:
		return all
	case manage.Resellers:
		return all[:2]
	}
	return all[:1]
}

// accountFields are those of an account; o is nil for a new one. Fields that
// the caller may not change are left out.
func accountFields(c *manage.Caller, o *manage.Account) []*field {
	a := manage.Account{Active: true, Role: manage.SimpleUsers}
	if o != nil {
		a = *o
	}
	fs := []*field{text("username", "Login", a.Username, "Of a user his address, such as ann@example.org.").required()}
	if roles := rolesFor(c); len(roles) > 1 && (o == nil || slices.Contains(roles, a.Role)) {
		var choices []choice
		for _, r := range roles {
			choices = append(choices, choice{Value: string(r), Label: roleWord(r)})
		}
		fs = append(fs, selection("role", "Role", string(a.Role), "", choices...))
	}
	fs = append(fs, check("is_active", "Enabled", a.Active, "A disabled account cannot log in; its mailbox goes on taking mail, unless the policy service refuses that."))
	if o == nil {
		fs = append(fs, secret("password", "Password", "new-password", "Empty = make one, which is shown once."))
	} else {
		fs = append(fs, secret("password", "New password", "new-password", "Empty = leave the one there is."),
			check("random_password", "Make a new password", false, "It is shown once."))
	}
	fs = append(fs, text("first_name", "First name", a.FirstName, ""), text("last_name", "Last name", a.LastName, ""))
	fs = append(fs, mailboxFields(o)...)
	if c.Role != manage.DomainAdmins {
		fs = append(fs, area("domains", "Administrates", a.Domains, "One domain a line; for domain administrators and resellers."))
	}
	return append(fs,
		text("phone_number", "Phone", a.Phone, ""), text("secondary_email", "Another address", a.SecondaryEmail, "For when this one cannot be reached."))
}

func mailboxFields(o *manage.Account) []*field {
	m := &manage.Mailbox{UseDomainQuota: true}
	if o != nil && o.Mailbox != nil {
		m = o.Mailbox
	}
	fs := []*field{
		check("mailbox.use_domain_quota", "Mailbox has the domain's quota", m.UseDomainQuota, "Else the next field says it."),
		count("mailbox.quota", "Quota of the mailbox in MB", m.Quota, "0 = unlimited."),
		limit("mailbox.message_limit", "Messages a day", m.MessageLimit, "That may be sent; empty = no limit."),
		check("mailbox.is_send_only", "Mailbox is for sending only", m.SendOnly, "It takes no mail and nobody can read in it."),
	}
	if o == nil {
		fs = append([]*field{check("mailbox", "Has a mailbox", true, "Its address is the login.")}, fs...)
		return append(fs, area("aliases", "Further addresses", nil, "One a line; they lead to the mailbox."))
	}
	if o.Mailbox == nil {
		fs = append([]*field{check("mailbox", "Make a mailbox", false, "Its address is the login.")}, fs...)
	}
	return fs
}

func accountInput(_ *manage.Caller, f *form) manage.AccountInput {
	in := manage.AccountInput{
		Username: f.text("username"), Active: f.flag("is_active"), FirstName: f.text("first_name"), LastName: f.text("last_name"),
		Phone: f.text("phone_number"), SecondaryEmail: f.text("secondary_email"), Password: f.password("password"),
		RandomPassword: f.flag("random_password").Value,
	}
	if r := f.text("role"); r.Set {
		in.Role = manage.Some(manage.Role(r.Value))
	}
	if f.field("random_password") == nil && !in.Password.Set { // a new account
		in.RandomPassword = true
	}
	if in.RandomPassword {
		in.Password = manage.Opt[string]{}
	}
	if role := in.Role.Value; role == manage.DomainAdmins || role == manage.Resellers {
		in.Domains = f.lines("domains")
	}
	if list := f.lines("aliases"); len(list.Value) > 0 {
		in.Aliases = list
	}
	if wants := f.flag("mailbox"); !wants.Set || wants.Value { // not set: there is one
		in.Mailbox = manage.Some(mailboxInput(f))
	}
	return in
}

func mailboxInput(f *form) *manage.MailboxInput {
	m := &manage.MailboxInput{
		UseDomainQuota: f.flag("mailbox.use_domain_quota"), Quota: f.number("mailbox.quota"),
		MessageLimit: f.limit("mailbox.message_limit"), SendOnly: f.flag("mailbox.is_send_only"),
	}
	if m.UseDomainQuota.Value {
		m.Quota = manage.Opt[int64]{}
	}
	return m
}

func aboutAccount(v *visit, t *manage.Tx, a *manage.Account) (*about, error) {
	b := &about{Facts: []fact{{"Role", roleWord(a.Role)}, {"Made", when(a.Joined)}, {"Last login", whenever(a.LastLogin)}, {"Second factor", yesNo(a.TwoFactor)}}}
	if m := a.Mailbox; m != nil {
		b.Facts = append(b.Facts, fact{"Mailbox", m.Address}, fact{"Stored", size(m.Used)}, fact{"Messages", number(m.Messages)}, fact{"Quota", quota(m.Quota)})
		b.addBar(barOf("Mailbox", m.Used, m.Quota))
		b.Links = append(b.Links, link{Text: "Where does mail go?", Href: resolverPath(m.Address)}, link{Text: "Does the login work?", Href: "/resolver?" + url.Values{"login": {a.Username}}.Encode()})
	}
	limits, err := t.Limits(a.ID)
	if err != nil {
		return nil, err
	}
	b.addLimits(limits)
	b.addSending(v.p, a.Username)
	if a.Mailbox == nil {
		return b, nil
	}
	found, err := t.SenderAddresses(manage.Query{Mailbox: a.Mailbox.ID, Limit: perPage})
	if err != nil || len(found.Items) == 0 {
		return b, err
	}
	table := &table{Caption: "May also send as", Columns: []column{{Label: "May also send as"}}}
	for _, s := range found.Items {
		table.Rows = append(table.Rows, []cell{plain(s.Address)})
	}
	b.Tables = append(b.Tables, table.label())
	return b, nil
}

// accountChanged signs out everywhere whose password was changed.
func accountChanged(v *visit, a *manage.Account, in *manage.AccountInput) {
	if in.Password.Set || in.RandomPassword {
		v.p.sessions.endOf(a.ID, v.s)
		if a.ID == v.caller.ID {
			_ = v.stays() // or he signs in again
		}
	}
}
