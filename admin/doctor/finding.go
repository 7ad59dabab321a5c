package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// Level says how bad a finding is.
type Level string

// The levels, worst first. Only Info leaves a host healthy.
const (
	Error   Level = "error"   // mail or logins go wrong, or will
	Warning Level = "warning" // works, but not as somebody wants it to
	Info    Level = "info"    // to know
)

// levels are all of them, worst first.
func levels() []Level { return []Level{Error, Warning, Info} }

// Finding is one problem. It marshals to JSON as it stands.
type Finding struct {
	Check   string `json:"check"` // name of the check
	Level   Level  `json:"level"`
	Subject string `json:"subject"` // address, domain, file ...: what has the problem
	Problem string `json:"problem"` // what is wrong, and what comes of it
	Remedy  string `json:"remedy"`  // what to do, exactly
	// Count is how many subjects the finding stands for: 1, or more in the one that
	// tells how many there are besides those shown.
	Count int `json:"count"`
}

// maxExamples is how many subjects of one check and level are shown.
const maxExamples = 20

// findings keeps those of one check.
type findings struct {
	list []Finding
	n    map[Level]int
}

// full counts one more of a level, and reports whether it is not to be kept.
func (f *findings) full(l Level) bool {
	if f.n == nil {
		f.n = map[Level]int{}
	}
	f.n[l]++
	return f.n[l] > maxExamples
}

// has reports whether a subject was told of; the first finding says it.
func (f *findings) has(l Level, subject string) bool {
	return slices.ContainsFunc(f.list, func(x Finding) bool { return x.Level == l && x.Subject == subject })
}

// of returns the findings of a level in the order of their subjects, then the
// one that counts the others.
func (f *findings) of(l Level) []Finding {
	var list []Finding
	for _, x := range f.list {
		if x.Level == l {
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, func(a, b Finding) int { return strings.Compare(a.Subject, b.Subject) })
	if n := f.n[l] - len(list); n > 0 {
		last := list[len(list)-1]
		list = append(list, Finding{
			Check: last.Check, Level: l, Subject: fmt.Sprintf("%d more", n),
			Problem: "the same, of as many others", Remedy: "do the same there; those that are left are shown once these are done", Count: n,
		})
	}
	return list
}

// Healthy reports whether there is nothing to do: no error and no warning.
func Healthy(list []Finding) bool {
	return !slices.ContainsFunc(list, func(f Finding) bool { return f.Level != Info })
}
