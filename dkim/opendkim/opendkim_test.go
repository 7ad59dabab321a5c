package opendkim

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

const confFile = "/etc/opendkim.conf"

// readAll reads a configuration with its files.
func readAll(t testing.TB, conf string, files map[string]string) *Plan {
	t.Helper()
	p, err := Read(confFile, Options{ReadFile: func(path string) ([]byte, error) {
		if path == confFile {
			return []byte(conf), nil
		}
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func problems(p *Plan) string {
	var b strings.Builder
	for _, one := range p.Problems {
		b.WriteString(one.String() + "\n")
	}
	return b.String()
}

func setting(t testing.TB, p *Plan, option string) Setting {
	t.Helper()
	for _, s := range p.Settings {
		if s.Option == option {
			return s
		}
	}
	t.Fatalf("no option %s", option)
	return Setting{}
}

// modoboaConf is what Modoboa 1.10 has people write by hand, and what its
// installer writes.
const modoboaConf = `
Syslog                  yes
UMask                   007
UserID                  opendkim
PidFile                 /var/run/opendkim/opendkim.pid
Socket                  inet:12345@localhost
Mode                    sv
SubDomains              yes
Canonicalization        relaxed/relaxed
OversignHeaders         From
InternalHosts           /etc/opendkim-hosts
ExternalIgnoreList      /etc/opendkim-hosts
KeyTable      dsn:pgsql://modoboa:s3cret@db.example.com/modoboa/table=dkim?keycol=id?datacol=domain_name,selector,private_key_path
SigningTable  dsn:pgsql://modoboa:s3cret@db.example.com/modoboa/table=dkim?keycol=domain_name?datacol=id
`

func TestModoboa(t *testing.T) {
	p := readAll(t, modoboaConf, map[string]string{"/etc/opendkim-hosts": "127.0.0.1\n::1\nlocalhost\n"})
	if got := problems(p); got != "" {
		t.Errorf("problems: %s", got)
	}
	want := `[database]
url = "postgres://modoboa@db.example.com/modoboa"

[[listen]]
protocol = "milter"
address = "inet:127.0.0.1:12345"

[dkim]
networks = ["127.0.0.1/32", "::1/128", "127.0.0.0/8"]
headers = "compat"
`
	if diff := cmp.Diff(want, p.TOML); diff != "" {
		t.Errorf("vmapd.toml (-want +got):\n%s", diff)
	}
	for option, verdict := range map[string]Verdict{
		"KeyTable": Builtin, "SigningTable": Builtin, "Socket": Maps, "Canonicalization": Builtin, "OverSignHeaders": Maps, "InternalHosts": Maps, "ExternalIgnoreList": Dropped,
		"Mode": Differs, "SubDomains": Dropped, "UMask": Dropped, "UserID": Dropped, "PidFile": Dropped, "Syslog": Builtin,
	} {
		if s := setting(t, p, option); s.Verdict != verdict || s.Means == "" {
			t.Errorf("%s: %s %q, want %s", option, s.Verdict, s.Means, verdict)
		}
	}
	if !strings.Contains(setting(t, p, "KeyTable").Means, "Modoboa's columns itself") {
		t.Errorf("KeyTable: %s", setting(t, p, "KeyTable").Means)
	}
	d := p.Database
	if d == nil || d.Backend != "pgsql" || d.User != "modoboa" || !d.Password || d.Host != "db.example.com" || d.Database != "modoboa" || d.Table != "dkim" || !d.modoboa() {
		t.Errorf("database %+v", d)
	}
	all := reportOf(t, p)
	for _, part := range []string{"needs no view", "dkim_keys_storage_dir", "database.password_file", "smtpd_milters"} {
		if !strings.Contains(all, part) {
			t.Errorf("the report does not mention %q:\n%s", part, all)
		}
	}
	if strings.Contains(all, "s3cret") {
		t.Errorf("the report shows the password:\n%s", all)
	}
}

// reportOf returns the plan as text and as JSON, after checking what holds for all.
func reportOf(t testing.TB, p *Plan) string {
	t.Helper()
	var b bytes.Buffer
	if n, err := p.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("%d %v", n, err)
	}
	var v struct {
		Database any
		Listen   []any
		DKIM     map[string]any
	}
	if err := toml.NewDecoder(bytes.NewReader(b.Bytes())).Decode(&v); err != nil {
		t.Fatalf("the report is not TOML: %v\n%s", err, b.String())
	}
	if strings.ContainsFunc(b.String(), func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }) {
		t.Fatalf("the report has control characters: %q", b.String())
	}
	j, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + string(j)
}

func TestReport(t *testing.T) {
	p := readAll(t, `# a comment
Mode s # another
SigningTable refile:/etc/dkim/signing
KeyTable /etc/dkim/keys
Socket local:/run/opendkim/opendkim.sock
UMask 007
UserID opendkim:postfix
MTA ORIGINATING, submission
Nameservers 192.0.2.53,2001:db8::53
SignatureTTL 600
Socket inet:8891@127.0.0.1
`, map[string]string{
		"/etc/dkim/signing": "*@example.com   main\n*@*.example.com main\n*@example.org   org:list@example.org\n",
		"/etc/dkim/keys":    "main example.com:mail:/etc/dkim/keys/example.com/mail.private\norg example.org:2026:/etc/dkim/keys/org.pem\nold example.net:old:/etc/dkim/keys/old.pem\n",
	})
	var b bytes.Buffer
	p.WriteTo(&b)
	const want = `# What becomes of /etc/opendkim.conf in vmapd.
#
# Who is signed, in the order of the table:
#   /etc/dkim/signing:1: *@example.com: d=example.com s=mail, key /etc/dkim/keys/example.com/mail.private
#       enable DKIM for the domain, with this selector and path
#   /etc/dkim/signing:2: *@*.example.com: d=example.com s=mail, key /etc/dkim/keys/example.com/mail.private
#       subdomains sign with the key of example.com: dkim.subdomains = "parent"
#   /etc/dkim/signing:3: *@example.org: d=example.org s=2026, key /etc/dkim/keys/org.pem, i=list@example.org
#       enable DKIM for the domain, with this selector and path
#
# Options that are settings of vmapd:
#   /etc/opendkim.conf:3: SigningTable refile:/etc/dkim/signing
#       who is signed: see there
#   /etc/opendkim.conf:4: KeyTable /etc/dkim/keys
#       the keys: see there, and dkim.key_dir
#   /etc/opendkim.conf:8: MTA ORIGINATING, submission
#       dkim.daemon_names
#   /etc/opendkim.conf:9: Nameservers 192.0.2.53,2001:db8::53
#       dkim.resolvers, which the check of published keys asks
#   /etc/opendkim.conf:11: Socket inet:8891@127.0.0.1
#       [[listen]] with protocol milter
#
# Options that need no setting:
#   /etc/opendkim.conf:2: Mode s
#       vmapd signs alone
#
# Options that fall away:
#   /etc/opendkim.conf:5: Socket local:/run/opendkim/opendkim.sock
#       given again at /etc/opendkim.conf:11: that one counts
#   /etc/opendkim.conf:6: UMask 007
#       there is no unix socket
#   /etc/opendkim.conf:7: UserID opendkim:postfix
#       the service's own: see systemd's unit of vmapd
#   /etc/opendkim.conf:10: SignatureTTL 600
#       signatures do not expire
#
# To do by hand:
#   - /etc/dkim/keys:3: no line of the SigningTable names this key (old, example.net)
#   - let vmapd read the private keys: run it with the group that owns them
#   - stop OpenDKIM before vmapd takes its socket; smtpd_milters and non_smtpd_milters in main.cf stay as they are
#
[[listen]]
protocol = "milter"
address = "inet:127.0.0.1:8891"

[dkim]
key_dir = "/etc/dkim/keys"
daemon_names = ["ORIGINATING", "submission"]
subdomains = "parent"
resolvers = ["192.0.2.53", "2001:db8::53"]
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := problems(p); got != "" {
		t.Errorf("problems: %s", got)
	}
}

// TestSettings looks at one option at a time.
func TestSettings(t *testing.T) {
	files := map[string]string{"/hosts": "127.0.0.1\n10.0.0.0/8 # office\n!10.1.1.1\n[2001:DB8::1]\n.example.com\nmx.example.com\n"}
	for _, c := range []struct {
		conf, toml, todo string
		verdict          Verdict
	}{
		{"Socket /run/o/sock", "[[listen]]\nprotocol = \"milter\"\naddress = \"unix:/run/o/sock\"\n", "", Maps},
		{"Socket local:/run/o/sock\nUMask 002\nUserID opendkim:postfix", "[[listen]]\nprotocol = \"milter\"\naddress = \"unix:/run/o/sock\"\nmode = \"0664\"\ngroup = \"postfix\"\n", "", Maps},
		{"Socket inet:8891", "[[listen]]\nprotocol = \"milter\"\naddress = \"inet:127.0.0.1:8891\"\n", "", Differs},
		{"Socket inet:8891@192.0.2.1", "[[listen]]\nprotocol = \"milter\"\naddress = \"inet:127.0.0.1:8891\"\n", "", Differs},
		{"Socket inet6:8891@[::1]", "[[listen]]\nprotocol = \"milter\"\naddress = \"inet:[::1]:8891\"\n", "", Maps},
		{"InternalHosts 10.0.0.0/8,localhost,192.0.2.1", "[dkim]\nnetworks = [\"10.0.0.0/8\", \"127.0.0.0/8\", \"::1/128\", \"192.0.2.1/32\"]\n", "", Maps},
		{"InternalHosts /hosts", "[dkim]\nnetworks = [\"127.0.0.1/32\", \"10.0.0.0/8\", \"2001:db8::1/128\"]\n", "/hosts:3: InternalHosts excludes !10.1.1.1", Maps},
		{"InternalHosts csl:mx.example.com", "[dkim]\nnetworks = []\n", "InternalHosts names mx.example.com", Maps},
		{"OversignHeaders From", "[dkim]\nheaders = \"compat\"\n", "", Maps},
		{"oversignheaders From,Subject", "[dkim]\nheaders = \"balanced\"\n", "", Maps},
		{"MacroList {daemon_name}=A|B,{auth_type}", "[dkim]\ndaemon_names = [\"A\", \"B\"]\n", "", Maps},
		{"MacroList {x}=1", "", "", Differs},
		{"Nameservers 192.0.2.1,ns.example.com", "[dkim]\nresolvers = [\"192.0.2.1\"]\n", "ns.example.com is no address", Maps},
		{"Canonicalization simple/simple", "[dkim]\ncanonicalization = \"simple/simple\"\n", "", Maps},
		{"Canonicalization Relaxed", "[dkim]\ncanonicalization = \"relaxed/simple\"\n", "", Maps},
		{"Canonicalization nofws", "", "", Differs},
		{"SignatureAlgorithm rsa-sha1", "", "", Dropped},
		{"SubDomains no", "", "", Builtin},
		{"SubDomains yes", "[dkim]\nsubdomains = \"parent\"\n", "", Maps},
		{"Selector s", "", "", Maps},
		{"FixCRLF yes", "", "", Builtin},
		{"LDAPBindPassword x", "", "", Dropped},
	} {
		p := readAll(t, c.conf+"\n", files)
		if s := p.Settings[0]; s.Verdict != c.verdict || s.Means == "" {
			t.Errorf("%s: %s %q, want %s", c.conf, s.Verdict, s.Means, c.verdict)
		}
		if p.TOML != c.toml {
			t.Errorf("%s: got\n%swant\n%s", c.conf, p.TOML, c.toml)
		}
		if todo := strings.Join(p.ToDo, "\n"); !strings.Contains(todo, c.todo) {
			t.Errorf("%s: to do %q, want %q", c.conf, todo, c.todo)
		}
		if got := problems(p); got != "" {
			t.Errorf("%s: %s", c.conf, got)
		}
		reportOf(t, p)
	}
}

// TestOptionsAreWhole: each has what it needs, and none is there twice.
func TestOptionsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range options {
		if folded := strings.ToLower(o.name); seen[folded] {
			t.Errorf("%s is there twice", o.name)
		} else {
			seen[folded] = true
		}
		if o.kind != include && (o.use == nil) == (o.verdict == "" || o.means == "") {
			t.Errorf("%s has both a verdict and a function, or neither", o.name)
		}
	}
}

func TestProblems(t *testing.T) {
	files := map[string]string{
		"/inc":     "Syslog maybe\nInclude /inc2\n",
		"/inc2":    "Nonsense 1\n",
		"/self":    "Include /self\n",
		"/keys":    "a example.com:s\na2 example.com:s:/k.pem\na2 example.com:t:/k2.pem\nnokey\n",
		"/signing": "*@example.com a2\n*@example.com a2\n*@example.net gone\n*@example.org\n(@x a2\n",
	}
	for _, c := range []struct{ conf, want string }{
		{"Nonsense x", "/etc/opendkim.conf:1: there is no option Nonsense\n"},
		{"\n\nSocket # local:/x", "/etc/opendkim.conf:3: Socket has no value\n"},
		{"Syslog maybe", "/etc/opendkim.conf:1: Syslog is yes or no, not maybe\n"},
		{"UMask 0o", "/etc/opendkim.conf:1: UMask is a number, not 0o\n"},
		{"Include /inc", "/inc2:1: there is no option Nonsense\n"},
		{"Include /inc", "/inc:1: Syslog is yes or no, not maybe\n"},
		{"Include /none", "/etc/opendkim.conf:1: open /none: file does not exist\n"},
		{"Include /self", "/self:1: more than 5 files include each other\n"},
		{"Socket inet:x", "/etc/opendkim.conf:1: Socket: inet:x is no socket: want local:/path or inet:port@host\n"},
		{"KeyTable x=d:s:/k", "/etc/opendkim.conf:1: KeyTable: x=d is no kind of data set"},
		{"KeyTable mdb:/x", "/etc/opendkim.conf:1: KeyTable: data sets of the kind mdb are not read"},
		{"KeyTable /x.db", "kind db are not read"},
		{"KeyTable dsn:pgsql://u:p@h", "/etc/opendkim.conf:1: KeyTable: a dsn is BACKEND"},
		{"SigningTable file:/signing", "/etc/opendkim.conf:1: SigningTable without a KeyTable"},
		{"Domain example.com", "/etc/opendkim.conf:1: Domain without KeyFile and Selector signs nothing\n"},
		{"KeyTable /keys", "/keys:1: the key a is not DOMAIN:SELECTOR:KEY\n"},
		{"KeyTable /keys", "/keys:3: the key a2 is at /keys:2 already: this line is never used\n"},
		{"KeyTable /keys", "/keys:4: the key nokey is not DOMAIN:SELECTOR:KEY\n"},
		{"KeyTable /keys\nSigningTable refile:/signing", "/signing:2: *@example.com is at /signing:1 already: this line is never used\n"},
		{"KeyTable /keys\nSigningTable refile:/signing", "/signing:3: the KeyTable has no key gone: OpenDKIM defers this mail\n"},
		{"KeyTable /keys\nSigningTable refile:/signing", "/signing:4: *@example.org names no key\n"},
		{"KeyTable /keys\nSigningTable refile:/signing", "/signing:5: (@x is no pattern"},
	} {
		p := readAll(t, c.conf+"\n", files)
		if got := problems(p); !strings.Contains(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.conf, got, c.want)
		}
		reportOf(t, p)
	}
	if _, err := Read("/no/such/file", Options{}); err == nil {
		t.Error("a file that is not there was read")
	}
}

// TestMeans goes through the kinds of lines a SigningTable can have.
func TestMeans(t *testing.T) {
	for _, c := range []struct{ table, pattern, key, want string }{
		{"refile", "*@example.com", "example.com:s:/k", "enable DKIM for the domain, with this selector"},
		{"refile", "*@Example.COM", "example.com:s:/k", "enable DKIM for the domain, with this selector"},
		{"refile", "*@example.com", "%:s:/k", "enable DKIM for the domain, with this selector"},
		{"refile", "*@*.example.com", "example.com:s:/k", "subdomains sign with the key of example.com"},
		{"refile", "*@*.example.com", "%:s:/k", "each subdomain with its own key"},
		{"refile", "*@a.example.com", "example.com:s:/k", "key of a parent domain"},
		{"refile", "*", "%:s:/keys/%", "each domain with its own key"},
		{"refile", "*@*", "%:s:/keys/%", "each domain with its own key"},
		{"refile", "*", "example.com:s:/k", "a signature of example.com on the mail of others"},
		{"refile", "boss@example.com", "example.com:s:/k", "for some addresses alone"},
		{"refile", "*-x@example.com", "example.com:s:/k", "for some addresses alone"},
		{"refile", "*@(a|b).example.com", "example.com:s:/k", "a regular expression"},
		{"refile", "*@ex*.com", "example.com:s:/k", "a pattern of domains"},
		{"refile", "*@example.com", "example.net:s:/k", "a signature of another domain"},
		{"refile", "*@example.com", "example.com:s:MIIE", "the key is in the table itself"},
		{"file", "example.com", "example.com:s:/k", "enable DKIM for the domain, with this selector"},
		{"file", ".example.com", "example.com:s:/k", "subdomains sign with the key of example.com"},
		{"file", "*", "%:s:/keys/%", "each domain with its own key"},
		{"file", "boss@example.com", "example.com:s:/k", "for some addresses alone"},
	} {
		p := readAll(t, "KeyTable csl:k="+c.key+"\nSigningTable "+c.table+":/t\n", map[string]string{"/t": c.pattern + " k\n"})
		if len(p.Signs) != 1 || !strings.Contains(p.Signs[0].Means, c.want) {
			t.Errorf("%s %s with %s: %+v %s, want %q", c.table, c.pattern, c.key, p.Signs, problems(p), c.want)
		}
	}
}

func TestDSN(t *testing.T) {
	for in, want := range map[string]*DSN{
		"mysql://u:p@h/d/table=t?keycol=k?datacol=a,b?filter=x=3D1": {Backend: "mysql", User: "u", Password: true, Host: "h", Database: "d", Table: "t", Key: "k", Data: []string{"a", "b"}, Filter: "x=3D1"},
		"pgsql://u@5433+h/d/table=t?keycol=k?datacol=a":             {Backend: "pgsql", User: "u", Host: "h", Port: "5433", Database: "d", Table: "t", Key: "k", Data: []string{"a"}},
		"pgsql://h/d/table=t?keycol=k?datacol=a":                    {Backend: "pgsql", Host: "h", Database: "d", Table: "t", Key: "k", Data: []string{"a"}},
		"":                                                          nil, "pgsql:": nil, "pgsql://": nil, "pgsql://h": nil, "pgsql://h/": nil, "pgsql://h/d/": nil, "pgsql:///d/table=t?keycol=k?datacol=a": nil, "pgsql://h/d/table=t?keycol=k": nil,
		"pgsql://a:b:c@h/d/table=t?keycol=k?datacol=a": nil,
	} {
		got, err := parseDSN(in)
		if (err != nil) != (want == nil) {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if want != nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q: %s", in, diff)
			}
		}
	}
	for in, want := range map[string]string{
		"dsn:pgsql://u:p@h/d/x": "dsn:pgsql://u:...@h/d/x", "dsn:pgsql://u@h/d/x": "dsn:pgsql://u@h/d/x", "dsn:pgsql://h/d": "dsn:pgsql://h/d", "/file": "/file", "DSN:a://u:p:q@h": "DSN:a://u:...@h", "dsn:a://u:p@q@h/d": "dsn:a://u:...@h/d",
	} {
		if got := masked(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestNoSecrets: passwords and private keys are not shown.
func TestNoSecrets(t *testing.T) {
	for _, conf := range []string{
		"KeyTable csl:k=example.com:s:s3cret", "KeyTable k=example.com:s:s3cret", "KeyTable /keys", "LDAPBindPassword s3cret", "KeyTable dsn:pgsql://u:s3cret@h", "KeyTable dsn:pgsql://u:s3@s3cret@h/d/table=t?keycol=k?datacol=d",
	} {
		p := readAll(t, conf+"\nSigningTable refile:/signing\n", map[string]string{"/keys": "k example.com:s:s3cret\n", "/signing": "*@example.com k\n"})
		if all := reportOf(t, p); strings.Contains(all+problems(p), "s3cret") {
			t.Errorf("%s:\n%s", conf, all)
		}
	}
}
