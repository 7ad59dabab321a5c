package daemon

import (
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store/db"
)

// newPasswords is the scheme of new passwords unless dovecot.rehash names one:
// Modoboa's default.
const newPasswords = "SHA512-CRYPT"

// ManageOptions say how to change a database, which is the configured one.
func (c *Config) ManageOptions(d *db.DB) manage.Options {
	o := manage.Options{DB: d, Parameters: c.Modoboa.overrides, DNS: c.dnsRules()}
	if s := c.Lookup.RecipientDelimiter; s != "" {
		o.Delimiter = s[0]
	}
	scheme, params := c.Dovecot.rehash, c.Dovecot.rehashParams
	if scheme == "" {
		scheme = newPasswords
	}
	o.Hash = func(username, clear string) (string, error) { return password.New(scheme, username, clear, params) }
	logins := c.loginOptions()
	o.Home = func(address string) string {
		if !login.Path(address) {
			return ""
		}
		return logins.HomeOf(address)
	}
	return o
}

// manager returns what changes the database that is in use.
func (d *Daemon) manager() *manage.Manager {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.database.manager
}
