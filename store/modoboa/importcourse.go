package modoboa

import (
	"hash/maphash"
	"slices"
)

// course is what goes along from part to part of a file. What it keeps of a
// line that is right is some bytes.
type course struct {
	o        ImportOptions
	report   *ImportReport
	errs     lineErrors
	accounts []int // lines whose account was made, in order
	made     bool  // everything is, but recipients

	fates  []fate // of lines, by number
	seed   maphash.Seed
	lineOf map[uint64]uint32 // where in the file an object was made, by kind and name
	bad    []csvLine         // lines that are wrong, up to maxBad
}

// fate is what became of the line of an alias.
type fate uint8

const (
	aliasMade fate = iota + 1
	aliasFound
)

// became returns the fate of the line with a number.
func (c *course) became(line int) fate {
	if line < len(c.fates) {
		return c.fates[line]
	}
	return 0
}

func (c *course) setFate(line int, f fate) {
	if more := line + 1 - len(c.fates); more > 0 {
		c.fates = append(c.fates, make([]fate, more)...)
	}
	c.fates[line] = f
}

// maxBad is how many bad lines are remembered, so that what stands below them is
// not wrong only because of them.
const maxBad = 1000

func newCourse(o ImportOptions, f *csvText) *course {
	c := &course{
		o: o, report: &ImportReport{DryRun: o.DryRun, Lines: f.lines, Created: map[string]int{}, Changes: []Change{}}, errs: f.errs,
		seed: maphash.MakeSeed(), lineOf: map[uint64]uint32{},
	}
	c.errs.first = slices.Clone(f.errs.first)
	return c
}

func (c *course) err() error {
	slices.SortStableFunc(c.errs.first, func(a, b LineError) int { return a.Line - b.Line })
	return c.errs.err()
}

func (c *course) key(kind, name string) uint64 { return maphash.String(c.seed, kind+" "+name) }

// remember notes what became of a line: something was made, or found.
func (c *course) remember(x Change) {
	if !c.o.CountOnly {
		c.report.Changes = append(c.report.Changes, x)
	}
}

// change returns the note of a line, for what is known only later; one that
// nobody will read if there is none.
func (c *course) change(line int) *Change {
	at, ok := slices.BinarySearchFunc(c.report.Changes, line, func(x Change, line int) int { return x.Line - line })
	if !ok {
		return new(Change)
	}
	return &c.report.Changes[at]
}
