package vmapd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/vmapd/vmapd"

// imports is the house plan: which of our own packages each package may
// import. A package that is not here fails the test, so the table stays whole.
// docs/architecture.md explains it.
var imports = map[string][]string{
	"internal/browsertest":      {"internal/peers"},
	"internal/evloop":           {},
	"internal/ldaptest":         {"internal/peers"},
	"internal/peers":            {},
	"internal/property":         {},
	"internal/resolve":          {},
	"internal/resolve/dnstest":  {},
	"internal/sdtest":           {},
	"store":                     {},
	"store/db":                  {},
	"store/db/dbtest":           {"internal/peers", "store/db"},
	"store/modoboa":             {"store", "store/db", "store/modoboa/parameters", "store/modoboa/rows", "store/spool"},
	"store/modoboa/parameters":  {"store/db"},
	"store/modoboa/rows":        {"store", "store/db", "store/modoboa/parameters"},
	"store/postfixadmin":        {"lookup/password", "store", "store/db", "store/modoboa/parameters", "store/modoboa/rows"},
	"store/spool":               {"store/db"},
	"lookup":                    {"store"},
	"lookup/auth":               {"lookup/internal/line", "lookup/internal/peer", "lookup/internal/strescape"},
	"lookup/guard":              {},
	"lookup/guard/redisguard":   {"lookup/guard"},
	"lookup/internal/line":      {},
	"lookup/internal/linetest":  {"internal/peers", "internal/property"},
	"lookup/internal/peer":      {},
	"lookup/internal/strescape": {},
	"lookup/policy":             {"lookup/internal/line"},
	"lookup/rules":              {"lookup/policy", "lookup/sendlimit", "lookup/usage", "store"},
	"lookup/sendlimit":          {},
	"lookup/socketmap":          {"lookup/internal/line"},
	"lookup/tcptable":           {"lookup/internal/line"},
	"lookup/usage":              {"store"},
	"lookup/password":           {},
	"lookup/login":              {"lookup/guard", "lookup/outside", "lookup/password", "store"},
	"lookup/outside":            {"store"},
	"lookup/dovecot":            {"lookup/auth", "lookup/dict", "lookup/login", "lookup/usage", "store"},
	"lookup/dict":               {"lookup/internal/line", "lookup/internal/peer", "lookup/internal/strescape"},
	"dkim":                      {},
	"dkim/dnscheck":             {"dkim", "internal/resolve"},
	"dkim/keyring":              {"dkim", "store"},
	"dkim/keybook":              {"dkim", "dkim/dnscheck", "dkim/keyring", "store"},
	"dkim/opendkim":             {},
	"dkim/milter":               {"dkim"},
	"dkim/milter/miltertest":    {},
	"admin/alarm":               {"store/db", "store/modoboa/rows"},
	"admin/mapdiff":             {"lookup", "store", "store/db"},
	"admin/doctor":              {"dkim", "lookup", "lookup/password", "store"},
	"daemon":                    {"admin/alarm", "admin/api", "admin/dnschecks", "admin/dnschecks/results", "admin/doctor", "admin/jobs", "admin/mailops", "admin/manage", "admin/mapdiff", "admin/page", "dkim", "dkim/dnscheck", "dkim/keybook", "dkim/keyring", "dkim/milter", "internal/evloop", "internal/resolve", "lookup", "lookup/auth", "lookup/dict", "lookup/dovecot", "lookup/guard", "lookup/guard/redisguard", "lookup/login", "lookup/outside", "lookup/password", "lookup/policy", "lookup/rules", "lookup/sendlimit", "lookup/sendlimit/redislimit", "lookup/socketmap", "lookup/tcptable", "lookup/usage", "store", "store/db", "store/modoboa", "store/modoboa/parameters", "store/spool"},
	"cmd/vmapd":                 {"admin/api", "admin/dnschecks", "admin/doctor", "admin/jobs", "admin/mailops", "admin/manage", "admin/mapdiff", "cmd/vmapd/internal/doveconf", "cmd/vmapd/internal/manual", "cmd/vmapd/internal/setup", "daemon", "dkim", "dkim/dnscheck", "dkim/keybook", "dkim/keyring", "dkim/opendkim", "internal/resolve", "lookup", "lookup/password", "lookup/socketmap", "lookup/tcptable", "store", "store/db", "store/modoboa", "store/modoboa/parameters", "store/postfixadmin"},
	"admin/jobs":                {"admin/manage", "store/db", "store/modoboa", "store/modoboa/parameters", "store/modoboa/rows"},
	"admin/manage":              {"internal/resolve", "lookup", "lookup/password", "store", "store/db", "store/modoboa/parameters", "store/modoboa/rows"},
	"admin/mailops":             {"store", "store/db", "store/modoboa/rows"},
	"admin/api":                 {"admin/jobs", "admin/manage", "lookup", "store", "store/db"},
	"admin/dnschecks":           {"admin/dnschecks/record", "dkim", "dkim/dnscheck", "dkim/keyring", "internal/resolve", "store"},
	"admin/dnschecks/record":    {},
	"admin/dnschecks/results":   {"admin/dnschecks", "store/db", "store/modoboa/rows"},
	"admin/page":                {"admin/dnschecks", "admin/manage", "lookup", "store"},

	"lookup/sendlimit/redislimit": {"lookup/sendlimit"},

	"cmd/vmapd/internal/doveconf": {"daemon"},
	"cmd/vmapd/internal/dovetest": {"cmd/vmapd/internal/mailtest", "internal/peers"},
	"cmd/vmapd/internal/gendocs":  {"admin/doctor", "cmd/vmapd/internal/doveconf", "daemon", "lookup"},
	"cmd/vmapd/internal/mailtest": {"internal/peers"},
	"cmd/vmapd/internal/manual":   {"daemon"},
	"cmd/vmapd/internal/setup":    {"cmd/vmapd/internal/doveconf", "daemon", "internal/peers"},
	"cmd/vmapd/internal/drill":    {"daemon", "internal/sdtest", "lookup/socketmap"},
}

// wirePackages import the standard library alone: others may use them.
var wirePackages = []string{"lookup/auth", "lookup/dict", "lookup/guard", "lookup/internal/line", "lookup/internal/peer", "lookup/internal/strescape", "lookup/policy", "lookup/sendlimit", "lookup/socketmap", "lookup/tcptable"}

// leafPackages know no SQL driver, logger or metrics.
var leafPackages = []string{"store", "lookup"}

func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if p.ImportPath == module {
			continue
		}
		allowed, ok := imports[name]
		if !ok {
			t.Errorf("package %s is not in the import table: add it here and in docs/architecture.md", name)
			continue
		}
		for _, i := range p.Imports {
			own, isOwn := strings.CutPrefix(i, module+"/")
			switch {
			case isOwn && !slices.Contains(allowed, own):
				t.Errorf("%s imports %s: the import table does not allow it", name, own)
			case !isOwn && slices.Contains(wirePackages, name) && strings.Contains(i, "."):
				t.Errorf("%s imports %s: a wire package imports the standard library alone", name, i)
			case !isOwn && slices.Contains(leafPackages, name) && strings.Contains(i, ".") && !strings.HasPrefix(i, "golang.org/x/text/"):
				t.Errorf("%s imports %s: store and lookup know no driver, logger or metrics", name, i)
			}
		}
	}
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []goPackage {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 8 {
		t.Fatalf("go list gave %d packages", len(list))
	}
	return list
}
