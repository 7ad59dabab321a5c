package doveconf

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/vmapd/vmapd/daemon"
)

// The routes.
const (
	Dict   = "dict"   // passdb dict and userdb dict
	Server = "server" // in place of Dovecot's auth service
)

// Options say what for the configuration is.
type Options struct {
	Version   string   // of Dovecot: "2.3" or "2.4"
	Auth      string   // Dict or Server; "" is Dict for 2.3 and Server for 2.4
	Protocols []string // of imap, pop3, lmtp, sieve, submission; nil is all but submission
	Dir       string   // where Dovecot will read the files; "" is /etc/dovecot
	Queue     string   // Postfix's queue_directory; "" is /var/spool/postfix
}

// File is one file of the configuration.
type File struct {
	Name string // without a folder; the first one is dovecot.conf
	Text string
}

//go:embed *.tmpl
var templates embed.FS

// Render returns the files for the configuration of a daemon.
func Render(c *daemon.Config, o Options) ([]File, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	v, err := newValues(c, o)
	if err != nil {
		return nil, err
	}
	t, err := template.New("").Funcs(template.FuncMap{"has": v.has, "lower": strings.ToLower, "join": strings.Join}).ParseFS(templates, "*.tmpl")
	if err != nil {
		return nil, err
	}
	var files []File
	add := func(name, from string, data any) {
		var b strings.Builder
		if e := t.ExecuteTemplate(&b, from, data); e != nil && err == nil {
			err = e
		}
		files = append(files, File{name, b.String()})
	}
	add("dovecot.conf", "dovecot-"+o.Version+".tmpl", v)
	if o.Auth == Dict {
		type dict struct {
			Socket, Scheme, Passdb string
			Userdb                 bool
		}
		add("vmapd-auth.conf.ext", "dict.tmpl", dict{v.DictSocket, c.Dovecot.DefaultScheme, "passdb/%s", true})
		if v.Separator != "" {
			add("vmapd-master.conf.ext", "dict.tmpl", dict{v.DictSocket, c.Dovecot.DefaultScheme, "master", false})
		}
	}
	return files, err
}

func (o Options) withDefaults() Options {
	if o.Auth == "" {
		if o.Auth = Server; o.Version == "2.3" {
			o.Auth = Dict
		}
	}
	if o.Protocols == nil {
		o.Protocols = []string{"imap", "pop3", "lmtp", "sieve"}
	}
	if o.Dir == "" {
		o.Dir = "/etc/dovecot"
	}
	if o.Queue == "" {
		o.Queue = "/var/spool/postfix"
	}
	o.Dir, o.Queue = path.Clean(o.Dir), path.Clean(o.Queue)
	return o
}

func (o *Options) check() error {
	known := []string{"imap", "pop3", "lmtp", "sieve", "submission"}
	for _, p := range o.Protocols {
		if !slices.Contains(known, p) {
			return fmt.Errorf("%q is none of the protocols %s", p, strings.Join(known, ", "))
		}
	}
	switch {
	case o.Version != "2.3" && o.Version != "2.4":
		return fmt.Errorf("there is a configuration for Dovecot 2.3 and for 2.4, not for %q", o.Version)
	case o.Auth != Dict && o.Auth != Server:
		return fmt.Errorf("there is a configuration with auth dict and with auth server, not with %q", o.Auth)
	case o.Auth == Dict && o.Version == "2.4":
		return errors.New("version 2.4 of Dovecot has no passdb dict and no userdb dict any more, they were removed in 2.4.0: use --auth server")
	}
	return nil
}
