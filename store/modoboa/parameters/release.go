package parameters

// Release is a range of Modoboa's releases that can be told apart by the
// columns of their tables. Later ones are greater.
type Release uint8

// The ranges begin with the release in their name.
const (
	Modoboa110 Release = iota // 1.10 – 1.15
	Modoboa116
	Modoboa117 // – 2.1
	Modoboa22
	Modoboa23  // – 2.7.0
	Modoboa271 // – 2.9, and the tables that vmapd makes
)

// ReleaseOf returns to which range a database belongs; has reports whether a
// table has a column.
func ReleaseOf(has func(table, column string) bool) Release {
	switch {
	case has("admin_domain", "last_dns_check_execution"):
		return Modoboa271
	case has("core_user", "totp_enabled"):
		return Modoboa23
	case has("admin_mailbox", "is_send_only"):
		return Modoboa22
	case has("core_user", "tfa_enabled"):
		return Modoboa117
	case has("admin_domain", "message_limit"):
		return Modoboa116
	default:
		return Modoboa110
	}
}

// String names the range: "Modoboa 2.3 – 2.7.0".
func (r Release) String() string {
	return [...]string{"Modoboa 1.10 – 1.15", "Modoboa 1.16", "Modoboa 1.17 – 2.1", "Modoboa 2.2", "Modoboa 2.3 – 2.7.0", "Modoboa 2.7.1 – 2.9"}[min(r, Modoboa271)]
}
