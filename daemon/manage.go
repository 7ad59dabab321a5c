package daemon

import (
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/lookup/password"
)

// newPasswords is the scheme of new passwords unless dovecot.rehash names one:
// Modoboa's default.
const newPasswords = "SHA512-CRYPT"

// manageOptions say how to change the database.
func (c *Config) manageOptions(d *databases) manage.Options {
	o := manage.Options{DB: d.write}
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
