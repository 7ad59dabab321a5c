package browsertest

import (
	_ "embed"
	"slices"
)

//go:embed judge.js
var judgeJS string

// Judgement is what is wrong with how a page looks.
type Judgement struct {
	// Wide are elements that reach beyond the window's right side, so that the
	// page must be pushed to and fro, or beyond what they are in.
	Wide []string
	// Pale are texts, borders of fields and areas of pictures that stand out too
	// little (WCAG 1.4.3, 1.4.11).
	Pale []string
	// Mute are fields and buttons without a name, pictures without a text, and
	// headings that leave out a level.
	Mute []string
}

// Judge looks at the page as it is, and fails the test if anything is wrong.
func (b *Browser) Judge() {
	b.t.Helper()
	var j Judgement
	b.Eval(judgeJS, &j)
	at := b.Address()
	for name, list := range map[string][]string{"too wide": j.Wide, "too pale": j.Pale, "without a name": j.Mute} {
		for _, what := range list[:min(len(list), 8)] {
			b.t.Errorf("%s: %s: %s", at, name, what)
		}
	}
}

// reachable are the elements that the keyboard must reach.
const reachable = `a[href], button, input:not([type=hidden]), select, textarea, summary`

// Keyboard walks through the page with the tab key, from its first link: all that
// can be clicked must come, visibly, and the walk must end.
func (b *Browser) Keyboard() {
	b.t.Helper()
	var want int
	b.Eval(`(() => { const all = [...document.querySelectorAll("`+reachable+`")].filter((e) => e.checkVisibility({visibilityProperty: true}));
		all[0].focus({focusVisible: true}); return all.length })()`, &want)
	var seen []string
	for range 3*want + 10 {
		var at struct {
			Name          string
			Counts, Shown bool
		}
		b.Eval(`(() => { const e = document.activeElement; if (!e || e === document.body) return {Name: ""};
			e.dataset.walked ??= e.tagName + document.querySelectorAll("[data-walked]").length;
			const s = getComputedStyle(e), r = e.getBoundingClientRect();
			return {Name: e.dataset.walked, Counts: e.matches("`+reachable+`"), Shown: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && r.width > 1 && r.right > 0 && r.bottom > 0}; })()`, &at)
		again := slices.Index(seen, at.Name)
		if at.Name == "" || again >= 0 && again < len(seen)-1 {
			break // the walk is over
		}
		if at.Counts && again < 0 { // a field of a date has several stops
			seen = append(seen, at.Name)
			if !at.Shown {
				b.t.Errorf("%s: the focus on %s cannot be seen", b.Address(), at.Name)
			}
		}
		b.Press("Tab")
	}
	if len(seen) != want {
		b.t.Errorf("%s: the keyboard reaches %d of %d: %v", b.Address(), len(seen), want, seen)
	}
}
