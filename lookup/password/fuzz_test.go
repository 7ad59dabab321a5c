package password

import (
	"errors"
	"testing"
)

func seeds(f *testing.F) {
	for _, v := range vectors(f, "testdata/vectors.tsv") {
		f.Add(v.stored, v.password)
	}
	for _, r := range refused {
		f.Add(r.stored, "secret")
	}
}

// FuzzParse: Parse takes a text or says in which of three ways it is wrong.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, stored, scheme string) {
		h, err := Parse(stored, scheme)
		switch {
		case err == nil:
			if c := h.Cost(); c.Memory < 0 || c.Memory > 2*maxMemory || h.Scheme() == "" {
				t.Errorf("cost %+v of %q", c, h.Scheme())
			}
			h.Weak()
			NeedsRehash(h, "SHA512-CRYPT", Params{})
			NeedsRehash(h, h.Scheme(), Params{})
		case !errors.Is(err, ErrUnknownScheme) && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooDear):
			t.Errorf("an error of no kind: %v", err)
		}
	})
}

// FuzzVerify: what Parse takes Verify can verify, the same twice, without a
// panic. Dear ones are left out.
func FuzzVerify(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, stored, password string) {
		h, err := Parse(stored, "CRYPT")
		if err != nil || !small(h) || len(password) > 2000 {
			return
		}
		first, err := h.Verify(vectorLogin, password)
		if err != nil && !errors.Is(err, ErrUnknownScheme) { // $2x$ alone
			t.Fatalf("%q: %v", stored, err)
		}
		if second, _ := h.Verify(vectorLogin, password); first != second {
			t.Errorf("%q: %v, then %v", stored, first, second)
		}
	})
}
