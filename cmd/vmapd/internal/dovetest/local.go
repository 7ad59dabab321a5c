package dovetest

import (
	"fmt"
	"strings"
)

// localConf keeps an instance to itself and makes it quick: no TLS, no delay for
// wrong passwords, nor more of it for a client with many of them.
const localConf = `base_dir = DIR/run
state_dir = DIR/state
instance_name = dovetest
log_path = DIR/dovecot.log
listen = ADDRESS
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
auth_verbose = yes
first_valid_uid = 1
first_valid_gid = 1
postmaster_address = postmaster@host.test
hostname = mx.host.test
submission_relay_host = 192.0.2.1
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
service lmtp {
  inet_listener test {
    port = 20024
  }
}
`

// listeners moves the ports of login processes.
func (d *Dovecot) listeners(submission bool) string {
	type service struct {
		name, listener, secure string
		port                   int
	}
	services := []service{
		{"imap", "imap", "imaps", portIMAP}, {"pop3", "pop3", "pop3s", portPOP3}, {"managesieve", "sieve", "", portSieve},
	}
	if submission {
		services = append(services, service{"submission", "submission", "submissions", portSubmission})
	}
	var b strings.Builder
	for _, s := range services {
		fmt.Fprintf(&b, "service %s-login {\n  inet_listener %s {\n    port = %d\n  }\n", s.name, s.listener, s.port)
		if s.secure != "" {
			fmt.Fprintf(&b, "  inet_listener %s {\n    port = 0\n  }\n", s.secure)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// api has doveadm listen for HTTP.
func (d *Dovecot) api(key string) string {
	if key == "" {
		return ""
	}
	return fmt.Sprintf("doveadm_api_key = %s\nservice doveadm {\n  inet_listener http {\n    port = %d\n  }\n}\n", key, portDoveadm)
}
