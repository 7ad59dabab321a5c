package doctor

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
)

func checkPostfixProxy() Check {
	return Check{
		Name: "postfix-proxy", Group: "postfix",
		Text: "Tables of vmapd that are asked through proxymap(8): one that proxy_read_maps does not list is refused there, and mail waits; any other makes a detour that only chrooted daemons with a socket elsewhere need.",
		Do:   "Leave out proxy:, or list the table in proxy_read_maps.",
		look: ofPostfix((*run).lookProxied),
	}
}

func (r *run) lookProxied(p *Postfix) {
	allowed := words(p.Values["proxy_read_maps"])
	for _, param := range slices.Sorted(maps.Keys(p.Set)) {
		var refused, plain []string
		for _, w := range words(p.Set[param]) {
			if !strings.HasPrefix(w, "proxy:") || p.ours(w) == "" || param == "proxy_read_maps" {
				continue
			}
			if plain = append(plain, w); !slices.Contains(allowed, w) {
				refused = append(refused, w)
			}
		}
		direct := strings.ReplaceAll(strings.Join(words(p.Set[param]), " "), "proxy:socketmap:", "socketmap:")
		switch {
		case len(refused) > 0:
			r.say(Error, param, edit(param, direct)+"; or add it to proxy_read_maps", "proxymap refuses %s, which proxy_read_maps does not list: mail waits", strings.Join(refused, ", "))
		case len(plain) > 0 && !p.outside(plain):
			r.say(Info, param, edit(param, direct), "it asks through proxymap, a detour that a socket below the queue directory does not need")
		}
	}
}

// outside reports whether a unix socket of one of some tables is not below the
// queue directory.
func (p *Postfix) outside(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		file, ok := strings.CutPrefix(p.ours(n), "socketmap:unix:")
		return ok && !p.below(file)
	})
}

func (p *Postfix) below(file string) bool {
	return strings.HasPrefix(file, path.Clean(p.Values["queue_directory"])+"/")
}

func checkPostfixChroot() Check {
	return Check{
		Name: "postfix-chroot", Group: "postfix",
		Text: "Daemons that run chrooted in the queue directory (column 5 of master.cf) are to ask a socket by an absolute path: they do not find it, and mail waits. \"postmap -q\" finds it all the same.",
		Do:   "Put the socket below the queue directory, and write it relative to that.",
		look: ofPostfix((*run).lookChroot),
	}
}

// askers are the daemons that look up tables or ask milters.
func askers() []string {
	return []string{"smtpd", "cleanup", "trivial-rewrite", "smtp", "lmtp", "local", "virtual"}
}

func (r *run) lookChroot(p *Postfix) {
	shut := p.chrooted()
	if len(shut) == 0 {
		return
	}
	for _, param := range slices.Sorted(maps.Keys(p.Set)) {
		for _, w := range words(p.Set[param]) {
			file, ok := "", false
			switch {
			case param == "smtpd_milters" || param == "non_smtpd_milters":
				file, ok = strings.CutPrefix(w, "unix:/")
			default:
				file, ok = strings.CutPrefix(w, "socketmap:unix:/")
				file = file[:max(0, strings.LastIndexByte(file, ':'))]
			}
			if !ok {
				continue
			}
			file = "/" + file
			remedy := fmt.Sprintf("put the socket below %s (address = \"unix:%[1]s/private/%s\" in its [[listen]] section), and set %s as \"vmapd postconf\" prints it then", p.Values["queue_directory"], path.Base(file), param)
			if p.below(file) {
				remedy = edit(param, strings.ReplaceAll(p.Set[param], "unix:"+path.Clean(p.Values["queue_directory"])+"/", "unix:"))
			}
			r.say(Error, param, remedy, "%s runs chrooted in %s, and does not find %s there", strings.Join(shut, ", "), p.Values["queue_directory"], file)
		}
	}
}

// chrooted names the services that run chrooted, and ask.
func (p *Postfix) chrooted() (names []string) {
	for _, field := range slices.Sorted(maps.Keys(p.Services)) {
		service, ok := strings.CutSuffix(field, "/chroot")
		if !ok {
			continue
		}
		value := p.Services[field]
		byDefault := value == "-" && strings.HasPrefix(p.Values["compatibility_level"], "0") // Postfix 3.0 changed it
		command, _, _ := strings.Cut(p.Services[service+"/command"], " ")
		if (value == "y" || byDefault) && slices.Contains(askers(), command) {
			names = append(names, service)
		}
	}
	return names
}

func checkPostfixDelimiter() Check {
	return Check{
		Name: "postfix-delimiter", Group: "postfix",
		Text: "recipient_delimiter of main.cf differs from lookup.recipient_delimiter: one takes user+list@ for an extension, the other for a name.",
		Do:   "Give both the same value.",
		look: ofPostfix(func(r *run, p *Postfix) {
			if got := p.Values["recipient_delimiter"]; got != p.Delimiter {
				r.say(Error, "recipient_delimiter", edit("recipient_delimiter", p.Delimiter), "Postfix has %q, vmapd has %q (lookup.recipient_delimiter)", got, p.Delimiter)
			}
		}),
	}
}

func checkPostfixTransport() Check {
	return Check{
		Name: "postfix-transport", Group: "postfix",
		Text: "virtual_transport of main.cf differs from lookup.local_transport, by which vmapd sends mail for the mailboxes of split domains.",
		Do:   "Give both the same value.",
		look: ofPostfix(func(r *run, p *Postfix) {
			if got := p.Values["virtual_transport"]; p.Transport != "" && got != p.Transport {
				r.say(Warning, "virtual_transport", edit("virtual_transport", p.Transport)+"; or set lookup.local_transport to "+got, "Postfix delivers by %s, vmapd has %s", got, p.Transport)
			}
		}),
	}
}

func checkPostfixDestination() Check {
	return Check{
		Name: "postfix-mydestination", Group: "postfix",
		Text: "Domains of the database that mydestination names too: Postfix takes their mail for local users of this machine, and warns; mailboxes get nothing.",
		Do:   "Take them out of mydestination.",
		look: withData(ofPostfix((*run).lookDestination)),
	}
}

func (r *run) lookDestination(p *Postfix) {
	if r.s == nil {
		return
	}
	list := words(p.Values["mydestination"])
	for _, name := range list {
		d, ok := r.s.Domain(store.Fold(name))
		_, alias := r.s.DomainAlias(store.Fold(name))
		if ok && d.Enabled || alias {
			rest := slices.DeleteFunc(slices.Clone(list), func(n string) bool { return n == name })
			r.say(Error, name, edit("mydestination", strings.Join(rest, ", ")), "mydestination has the domain, which is in the database too: its mail goes to users of this machine")
		}
	}
}
