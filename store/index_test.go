package store

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// TestSymbolsAgainstMap interns and finds random texts beside a Go map.
func TestSymbolsAgainstMap(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		y := newSymbols()
		want := map[string]ref{}
		texts := rapid.SliceOfN(rapid.StringMatching(`[a-c]{0,3}(@[a-c]{1,2})?`), 1, 300).Draw(t, "texts")
		for i, s := range texts {
			r := y.intern(s)
			if old, ok := want[s]; ok && old != r || !ok && s != "" && r == 0 {
				t.Fatalf("intern(%q) = %d, before %d", s, r, old)
			}
			want[s] = r
			if i == len(texts)/2 {
				y.index.pack(func() {})
			}
		}
		for s, r := range want {
			if y.find(s) != r || y.text(r) != s {
				t.Fatalf("find(%q) = %d, text %q", s, y.find(s), y.text(r))
			}
		}
		if y.find("not there") != 0 {
			t.Fatal("found what is not there")
		}
	})
}

// TestIndexKeepsAFreeSlot: whatever was in a shard when it was packed, and
// whatever is inserted then, a walk that finds nothing must end.
func TestIndexKeepsAFreeSlot(t *testing.T) {
	for packed := range 20 {
		var x index
		value := uint32(0)
		insert := func() {
			value++
			x.insert(uint64(value)*0x9e3779b9&0xffffffff, value) // all in shard 0
		}
		for range packed {
			insert()
		}
		x.pack(func() {})
		for more := range 50 {
			insert()
			if sh := &x.shards[0]; !slices.Contains(sh.slots(), 0) {
				t.Fatalf("%d values, packed, and %d more fill all %d slots: a walk would not end", packed, more+1, sh.size)
			}
		}
	}
}

func TestSymbolsAcrossChunks(t *testing.T) {
	y := newSymbols()
	long := strings.Repeat("x", 4000)
	refs := map[ref]string{}
	for i := range 300 {
		s := long[:3700+i]
		refs[y.intern(s)] = s
	}
	if len(y.chunks) < 3 {
		t.Fatalf("%d chunks: the test does not test", len(y.chunks))
	}
	for r, s := range refs {
		if y.text(r) != s || y.find(s) != r {
			t.Fatalf("symbol %d lost its text", r)
		}
	}
}

func TestIDsAgainstMap(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		var x ids
		want := map[uint32]uint32{}
		for i, id := range rapid.SliceOfNDistinct(rapid.Uint32Range(1, 1<<32-1), 0, 500, func(v uint32) uint32 { return v }).Draw(t, "ids") {
			x.set(id, uint32(i+1))
			want[id] = uint32(i + 1)
		}
		for id, row := range want {
			if x.row(id) != row {
				t.Fatalf("row(%d) = %d, want %d", id, x.row(id), row)
			}
		}
		if _, ok := want[77]; !ok && x.row(77) != 0 {
			t.Fatal("found what is not there")
		}
	})
}

func TestColumnKeepsRowsAcrossChunks(t *testing.T) {
	var c column[int]
	for i := range 3 * chunkRows {
		if row1 := c.add(i); row1 != uint32(i+1) {
			t.Fatalf("add returned %d for row %d", row1, i)
		}
	}
	next := 0
	for row1, v := range c.all(func() {}) {
		if *v != next || c.at(row1) != v {
			t.Fatalf("row %d holds %d", row1, *v)
		}
		next++
	}
	if next != c.n {
		t.Errorf("%d rows, want %d", next, c.n)
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"user@example.test":   "user@example.test",
		"USER+X@Example.Test": "user+x@example.test",
		"Ünïcode@DÖMAIN.test": "ünïcode@dömain.test",
		"Straße@x":            "strasse@x",
		"ΣΊΣΥΦΟΣ@x":           "σίσυφοσ@x",
		"\xff\xfeUSER@X":      "\xff\xfeUSER@X",
		"[192.0.2.1]":         "[192.0.2.1]",
		`"O'Brien X"@D1.test`: `"o'brien x"@d1.test`,
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
		if got := string(AppendFold([]byte("x"), in)); got != "x"+want {
			t.Errorf("AppendFold(%q) = %q, want %q", in, got, "x"+want)
		}
	}
}

func FuzzFold(f *testing.F) {
	f.Add("User@Example.TEST")
	f.Add("Straße\xff")
	f.Fuzz(func(t *testing.T, s string) {
		folded := Fold(s)
		if Fold(folded) != folded {
			t.Fatalf("folding %q twice changes it", s)
		}
		if got := string(AppendFold(nil, []byte(s))); got != folded {
			t.Fatalf("AppendFold(%q) = %q, Fold %q", s, got, folded)
		}
	})
}

// FuzzBuilder feeds rows with outside text and checks that nothing unfit for
// the wire comes out.
func FuzzBuilder(f *testing.F) {
	f.Add("user", "example.test", "to@far.test")
	f.Add("a\nb", "Ex\x00", "é@ü")
	f.Fuzz(func(t *testing.T, local, domain, to string) {
		b := NewBuilder()
		b.AddDomain(Domain{ID: 1, Name: domain, Type: LocalDomain, Enabled: true})
		b.AddMailbox(Mailbox{ID: 1, Local: local, DomainID: 1})
		b.AddAlias(Alias{ID: 1, Address: local + "@" + domain, Enabled: true})
		b.AddRecipient(Recipient{ID: 1, Address: to, AliasID: 1, MailboxID: 1})
		s := b.Build(time.Now())
		if m, ok := s.MailboxByID(1); ok && (flaw(m.Address) != "" || m.Address != m.Local+"@"+s.domainName(m.DomainID)) {
			t.Fatalf("mailbox %+v", m)
		}
		for r := range s.Recipients(1).All() {
			if flaw(r.Address) != "" {
				t.Fatalf("recipient %q", r.Address)
			}
		}
	})
}

func (s *Snapshot) domainName(id uint32) string { d, _ := s.DomainByID(id); return d.Name }

// TestSymbolAfter: one is made after another, also in the next chunk.
func TestSymbolAfter(t *testing.T) {
	y := newSymbols()
	var made []ref
	for i := range 5000 {
		made = append(made, y.intern(strconv.Itoa(i)+strings.Repeat("x", i%977)))
	}
	for i, r := range made {
		want := ref(0)
		if i+1 < len(made) {
			want = made[i+1]
		}
		if got := y.after(r); got != want {
			t.Fatalf("after the symbol number %d, %d, comes %d, want %d", i, r, got, want)
		}
	}
}
