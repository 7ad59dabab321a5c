package doctor

import "testing"

func TestOutside(t *testing.T) {
	h := &Host{
		Outside: []OutsideProblem{{Fatal: true, Setting: "ldap_search_filter", Text: "has no %(user)s", Remedy: "write it"}, {Setting: "ldap_secured", Text: "in clear", Remedy: "use TLS"}},
		Daemon:  &Daemon{DatabaseUp: true, OutsideDown: []OutsideServer{{"ldap", "dir.test:389", "refused"}}},
	}
	finds(t, visit(t, h, "outside"), "outside-settings error: ldap_search_filter", "outside-down error: ldap dir.test:389", "outside-settings warning: ldap_secured")
	h.Daemon.Error = "it does not run"
	h.Outside = nil
	finds(t, visit(t, h, "outside"))
}
