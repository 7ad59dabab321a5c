package parameters

import "strings"

// definition is what Modoboa's programs know of a parameter. Its default has
// the kind of its values: bool, int64, string, or *int64 (nil) for an Optional.
type definition struct {
	name   string
	value  any     // the default
	since  Release // range in which it appeared
	old    any     // the default before Modoboa 2.3, nil if it is the same
	secret bool
}

func flag(f Flag, value bool, since Release) definition {
	return definition{name: string(f), value: value, since: since}
}

func number(n Number, value int64, since Release) definition {
	return definition{name: string(n), value: value, since: since}
}

func optional(o Optional, since Release) definition {
	return definition{name: string(o), value: (*int64)(nil), since: since}
}

func text(t Text, value string) definition { return definition{name: string(t), value: value} }

func secret(t Text) definition { return definition{name: string(t), value: "", secret: true} }

// definitions are all parameters that are known here.
func definitions() []definition {
	all := append(coreParameters(), ldapParameters()...)
	return append(append(all, adminParameters()...), limitParameters()...)
}

func coreParameters() []definition {
	return []definition{
		text(AuthenticationType, "local"),
		text(PasswordScheme, "sha512crypt"),
		number(RoundsNumber, 70000, 0),
		flag(UpdateScheme, true, 0),
		// 2.2.3 changed it, which looks as 2.2 does.
		{name: string(DefaultPassword), value: "ChangeMe1!", old: "password", secret: true},
		number(RandomPasswordLength, 8, 0),
		flag(AllowSpecialCharacters, false, Modoboa23),
		text(UpdatePasswordURL, ""),
		secret(SecretKey),
		text(SenderAddress, "noreply@yourdomain.test"),
		flag(EnableInactiveAccounts, true, Modoboa117),
		number(InactiveThreshold, 30, 0),
		number(LogMaximumAge, 365, 0),
		number(MessageHistoryAge, 180, Modoboa23),
		number(ItemsPerPage, 30, 0),
	}
}

func ldapParameters() []definition {
	return []definition{
		text(LDAPServerAddress, "localhost"),
		number(LDAPServerPort, 389, 0),
		flag(LDAPEnableSecondary, false, 0),
		text(LDAPSecondaryAddress, "localhost"),
		number(LDAPSecondaryPort, 389, 0),
		text(LDAPSecured, "none"),
		text(LDAPAuthMethod, "searchbind"),
		text(LDAPBindDN, ""),
		secret(LDAPBindPassword),
		text(LDAPSearchBase, ""),
		text(LDAPSearchFilter, "(mail=%(user)s)"),
		text(LDAPUserDNTemplate, ""),
		text(LDAPPasswordAttribute, "userPassword"),
		flag(LDAPIsActiveDirectory, false, 0),
		text(LDAPAdminGroups, ""),
		text(LDAPGroupType, "posixgroup"),
		text(LDAPGroupsSearchBase, ""),
		flag(LDAPEnableSync, false, 0),
		text(LDAPSyncBindDN, ""),
		secret(LDAPSyncBindPassword),
		text(LDAPSyncAccountDN, ""),
		flag(LDAPSyncDelete, false, 0),
		flag(LDAPEnableImport, false, 0),
		text(LDAPImportSearchBase, ""),
		text(LDAPImportSearchFilter, "(cn=*)"),
		text(LDAPImportUsernameAttr, "cn"),
		flag(LDAPDovecotSync, false, 0),
		text(LDAPDovecotConfiguration, "/etc/dovecot/dovecot-modoboa.conf"),
	}
}

func adminParameters() []definition {
	return []definition{
		flag(EnableMXChecks, true, 0),
		text(ValidMXs, ""),
		flag(DomainsNeedAuthorizedMX, false, 0),
		flag(EnableIPv6MXChecks, true, Modoboa22),
		flag(EnableSPFChecks, true, 0),
		flag(EnableDKIMChecks, true, 0),
		flag(EnableDMARCChecks, true, 0),
		flag(DMARCCheckIsCritical, true, Modoboa271),
		flag(EnableAutoconfigChecks, true, 0),
		flag(EnableDNSNotifications, true, Modoboa23),
		text(CustomDNSServer, ""),
		flag(EnableDNSBLChecks, true, 0),
		text(DKIMStorageDir, ""),
		number(DKIMKeyLength, 2048, 0),
		number(DefaultDomainQuota, 0, 0),
		optional(DefaultDomainMessageLimit, Modoboa116),
		flag(HandleMailboxes, false, 0),
		text(MailboxesOwner, "vmail"),
		number(DefaultMailboxQuota, 0, 0),
		optional(DefaultMailboxMessageLimit, Modoboa116),
		flag(AutoAccountRemoval, false, 0),
		flag(AutoCreate, true, 0),
		flag(CreateAliasOnRename, false, 0),
		flag(AliasCanTargetAnyDomain, true, Modoboa23),
		text(AliasTargetBlockList, ""),
		text(AliasTargetAllowList, ""),
	}
}

// limitApp is the app whose numbers are the first values of limits.
const limitApp = "limits."

func limitParameters() []definition {
	all := []definition{flag(EnableAdminLimits, true, 0), flag(EnableDomainLimits, false, 0)}
	for _, name := range []string{"domain_admins", "domains", "domain_aliases", "mailboxes", "mailbox_aliases", "quota"} {
		all = append(all, number(Number(limitApp+"deflt_user_"+name+"_limit"), 0, 0))
	}
	for _, name := range []string{"domain_admins", "domain_aliases", "mailboxes", "mailbox_aliases"} {
		all = append(all, number(Number(limitApp+"deflt_domain_"+name+"_limit"), 0, 0))
	}
	return all
}

// standard is the default in a release.
func (d *definition) standard(r Release) any {
	if d.old != nil && r < Modoboa23 {
		return d.old
	}
	return d.value
}

// find finds a definition by its name.
func find(name string) (definition, bool) {
	for _, d := range definitions() {
		if d.name == name {
			return d, true
		}
	}
	return definition{}, false
}

// split splits "app.name".
func split(name string) (app, parameter string) {
	app, parameter, _ = strings.Cut(name, ".")
	return app, parameter
}
