package daemon

// unit is a socket that systemd holds.
type unit struct{ name, place string }

// units are those of contrib/systemd, by the names under which systemd hands
// their sockets over.
func units() map[string]unit {
	return map[string]unit{
		"systemd:socketmap": {"vmapd.socket", "unix:/var/spool/postfix/private/vmapd"},
		"systemd:milter":    {"vmapd-milter.socket", "unix:/var/spool/postfix/private/vmapd-milter"},
		"systemd:policy":    {"vmapd-policy.socket", "unix:/var/spool/postfix/private/vmapd-policy"},
		"systemd:sasl":      {"vmapd-sasl.socket", "unix:/var/spool/postfix/private/auth"},
	}
}

// Place is the address at which clients find the listener: of a socket of
// systemd that bears the name of one of the units in contrib/systemd, where that
// unit has it; else Address.
func (l Listen) Place() string {
	if u, ok := units()[l.Address]; ok {
		return u.place
	}
	return l.Address
}

// Unit is the name of that unit, such as vmapd.socket; "" if it is none of
// contrib/systemd.
func (l Listen) Unit() string { return units()[l.Address].name }
