package keyring

import (
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// Reason says in one word why there is no key. It is fit for the label of a
// metric.
type Reason string

// The reasons.
const (
	NoKey      Reason = "no_key"         // the domain is not ours, or has no key
	Disabled   Reason = "dkim_off"       // signing is off for the domain
	Unmade     Reason = "key_unmade"     // the row asks for a key that nobody has made yet
	Loading    Reason = "key_loading"    // it was not read in time
	Missing    Reason = "key_missing"    // there is no such file
	Unreadable Reason = "key_unreadable" // the file may not be read, must not be used, or holds no key
)

// Choice is a key that a row of the database names.
type Choice struct {
	Domain    string // as the database has it, folded: d= of the signature
	Selector  string
	Algorithm string // "rsa" or "ed25519"; of a row of admin_domain it is a guess
	Path      string // as the row has it, "" = not made yet
	Stage     Stage  // of a row of admin_domain it is Active, or Retiring if another took its place
	Table     string
	Row       uint32
}

const (
	domainTable = "admin_domain"
	keyTable    = "vmapd_dkim_key"
)

// Choose returns the keys that may sign for a domain, best first: the first
// usable one of each algorithm does. domain is folded; A-labels find names that
// are stored as U-labels too.
func (o *Options) Choose(s *store.Snapshot, domain string) ([]Choice, Reason) {
	for name := range o.lineage(domain) {
		for _, spelling := range spellings(name) {
			if all, why, found := o.chooseExact(s, spelling); found {
				return all, why
			}
		}
	}
	return nil, NoKey
}

// lineage yields a domain, and its parents if they sign for it.
func (o *Options) lineage(domain string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := domain; yield(name) && o.Parents; {
			_, parent, ok := strings.Cut(name, ".")
			if !ok || !strings.Contains(parent, ".") { // no top-level domain signs for others
				return
			}
			name = parent
		}
	}
}

func spellings(name string) []string {
	if strings.Contains(name, "xn--") {
		if u, err := idna.ToUnicode(name); err == nil {
			return []string{name, store.Fold(u)}
		}
	}
	return []string{name}
}

// chooseExact reports found for a domain or alias that there is.
func (o *Options) chooseExact(s *store.Snapshot, name string) (all []Choice, why Reason, found bool) {
	if d, ok := s.Domain(name); ok {
		k := s.DKIM(d.ID)
		if !k.Enabled {
			return nil, Disabled, true
		}
		all := chooseFrom(s, name, &Choice{Domain: name, Selector: k.Selector, Algorithm: dkim.RSASHA256.Tag(), Path: k.Path, Stage: Active, Table: domainTable, Row: d.ID})
		return all, "", true
	}
	a, ok := s.DomainAlias(name)
	if !ok {
		return nil, "", false
	}
	if all := chooseFrom(s, name, nil); len(all) > 0 {
		return all, "", true
	}
	if target, ok := s.DomainByID(a.TargetID); ok && o.AliasTarget {
		return o.chooseExact(s, target.Name)
	}
	return nil, NoKey, true
}

// chooseFrom orders active keys, the newest first, then the row's own, then
// retiring ones.
func chooseFrom(s *store.Snapshot, name string, own *Choice) []Choice {
	rows := slices.Collect(s.SigningKeys(name))
	slices.SortStableFunc(rows, func(a, b store.SigningKey) int { return newest(&a, &b) })
	var all []Choice
	add := func(stage Stage) {
		for _, k := range rows {
			if Stage(k.Stage) == stage {
				all = append(all, Choice{Domain: name, Selector: k.Selector, Algorithm: k.Algorithm, Path: k.Path, Stage: stage, Table: keyTable, Row: k.ID})
			}
		}
	}
	add(Active)
	if own != nil {
		if replaced(s, name) {
			own.Stage = Retiring
		}
		all = append(all, *own)
	}
	add(Retiring)
	return all
}

// newest orders keys by when they came to their stage, the last first.
func newest(a, b *store.SigningKey) int {
	switch {
	case a.Changed != b.Changed && a.Changed > b.Changed:
		return -1
	case a.Changed != b.Changed:
		return 1
	case a.ID > b.ID:
		return -1
	}
	return 1
}
