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
	// page must be pushed to and fro.
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

// Keyboard walks through the page with the tab key: everything that can be
// clicked must come, visibly, and the walk must end. It begins at the start of the
// page.
func (b *Browser) Keyboard() {
	b.t.Helper()
	var want int
	b.Eval(`(() => { document.activeElement?.blur(); window.scrollTo(0, 0);
		return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter((e) => e.checkVisibility({visibilityProperty: true})).length })()`, &want)
	var seen []string
	for range want + 5 {
		b.Press("Tab")
		var at struct {
			Name    string
			Visible bool
		}
		b.Eval(`(() => { const e = document.activeElement; if (!e || e === document.body) return {Name: ""};
			if (!e.dataset.walked) e.dataset.walked = String(document.querySelectorAll("[data-walked]").length + 1);
			const s = getComputedStyle(e); const r = e.getBoundingClientRect();
			return {Name: e.tagName + e.dataset.walked, Visible: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && r.width > 1 && r.right > 0 && r.bottom > 0}; })()`, &at)
		if at.Name == "" || slices.Contains(seen, at.Name) {
			break
		}
		if !at.Visible {
			b.t.Errorf("%s: the focus on %s cannot be seen", b.Address(), at.Name)
		}
		seen = append(seen, at.Name)
	}
	if len(seen) != want {
		b.t.Errorf("%s: the keyboard reaches %d of %d: %v", b.Address(), len(seen), want, seen)
	}
}
