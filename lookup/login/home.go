package login

import (
	"path/filepath"
	"strings"
)

// AddressOfHome returns the mailbox whose home a path is or would be, "" if the
// path does not say it for certain.
func (o *Options) AddressOfHome(home string) string {
	home = filepath.Clean(home)
	pattern, path := strings.Split(filepath.Clean(o.Home), "/"), strings.Split(home, "/")
	if len(pattern) != len(path) {
		return ""
	}
	var address, local, domain string
	for i, part := range pattern {
		switch part {
		case "%u", "%n@%d":
			address = path[i]
		case "%n":
			local = path[i]
		case "%d":
			domain = path[i]
		}
	}
	if address == "" {
		address = local + "@" + domain
	}
	if at := strings.LastIndexByte(address, '@'); at < 1 || at == len(address)-1 {
		return ""
	}
	if !Path(address) || filepath.Clean(o.HomeOf(address)) != home {
		return ""
	}
	return address
}

// DomainOfHome returns the domain that the path of a mailbox says, "" if it does
// not say it for certain. It is for those who look for the mailbox of a path:
// whether one has it, HomeOf says.
func (o *Options) DomainOfHome(home string) string {
	pattern, path := strings.Split(filepath.Clean(o.Home), "/"), strings.Split(filepath.Clean(home), "/")
	if len(pattern) != len(path) {
		return ""
	}
	for i, part := range pattern {
		switch part {
		case "%d":
			return path[i]
		case "%u", "%n@%d":
			if at := strings.LastIndexByte(path[i], '@'); at >= 0 {
				return path[i][at+1:]
			}
		}
	}
	return ""
}
