package sendlimit

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// known is the model of instances: a map, and a queue of all that was put.
type known struct {
	most  int
	m     map[string]*instance
	queue []*instance
	names []string
}

func (k *known) put(name string, i *instance) {
	k.m[name] = i
	k.queue, k.names = append(k.queue, i), append(k.names, name)
	for len(k.queue) > 0 {
		first, name := k.queue[0], k.names[0]
		switch {
		case k.m[name] != first:
		case len(k.m) > k.most || first.at+rememberInstance <= i.at || len(k.queue) > 4*k.most:
			delete(k.m, name)
		default:
			return
		}
		k.queue, k.names = k.queue[1:], k.names[1:]
	}
}

// TestInstancesModel compares the encoded messages with a map. Names are long
// enough for a few to fill a chunk, or to be more than one.
func TestInstancesModel(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 6).Draw(t, "most")
		got, want := newInstances(most), known{most: most, m: map[string]*instance{}}
		ms := int64(1e12)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			ms += rapid.SampledFrom([]int64{0, 1, rememberInstance / 3, rememberInstance}).Draw(t, "later")
			n := rapid.IntRange(0, 9).Draw(t, "name")
			name := strings.Repeat(fmt.Sprint(n), rapid.SampledFrom([]int{1, 1, 30_000, 70_000}).Draw(t, "length"))
			if rapid.Bool().Draw(t, "put") {
				i := anyInstance(t, ms)
				want.put(name, i)
				got.put(name, i)
			}
			var i instance
			ok := got.get(name, ms, &i)
			w := want.m[name]
			if known := w != nil && w.at+rememberInstance > ms; ok != known {
				t.Fatalf("%.10q is known: %v, want %v", name, ok, known)
			} else if ok && !same(&i, w) {
				t.Fatalf("%.10q: %+v, want %+v", name, i, *w)
			}
			if got.count() != len(want.m) {
				t.Fatalf("%d are known, want %d", got.count(), len(want.m))
			}
		}
		all := map[string]bool{}
		got.each(func(name string, i *instance) {
			if all[strings.Clone(name)] = true; !same(i, want.m[name]) {
				t.Fatalf("%.10q: %+v, want %+v", name, *i, *want.m[name])
			}
		})
		if len(all) != len(want.m) {
			t.Fatalf("each gives %d, want %d", len(all), len(want.m))
		}
	})
}

func anyInstance(t *rapid.T, ms int64) *instance {
	i := &instance{
		at: ms, replaced: rapid.Int64Range(0, 9).Draw(t, "replaced"), era: rapid.Uint32().Draw(t, "era"),
		alone: rapid.Bool().Draw(t, "alone"), refused: rapid.Bool().Draw(t, "refused"), learned: rapid.SliceOfN(rapid.Uint64(), 0, 3).Draw(t, "learned"),
	}
	for _, u := range rapid.SliceOfN(rapid.SampledFrom([]Unit{Recipients, Messages, Bytes}), 0, 3).Draw(t, "units") {
		i.posted.add(posting{alice, u, Day, ms, rapid.Int64Range(0, 1<<40).Draw(t, "n")})
	}
	return i
}

// same compares instances by what is to be known of them.
func same(a, b *instance) bool {
	text := func(i *instance) string {
		var list []posting
		for p := range i.posted.all {
			list = append(list, p)
		}
		return fmt.Sprint(i.at, i.replaced, i.era, i.alone, i.refused, list, i.learned, len(list) == i.posted.n)
	}
	return b != nil && text(a) == text(b)
}
