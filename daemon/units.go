package daemon

// unitPlaces are the sockets of the units in contrib/systemd, by the names under
// which systemd hands them over.
func unitPlaces() map[string]string {
	return map[string]string{
		"systemd:socketmap": "unix:/var/spool/postfix/private/vmapd",
		"systemd:milter":    "unix:/var/spool/postfix/private/vmapd-milter",
		"systemd:sasl":      "unix:/var/spool/postfix/private/auth",
	}
}

// Place is the address at which clients find the listener: of a socket of
// systemd that bears the name of one of the units in contrib/systemd, where that
// unit has it; else Address.
func (l Listen) Place() string {
	if place, ok := unitPlaces()[l.Address]; ok {
		return place
	}
	return l.Address
}
