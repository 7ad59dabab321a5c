package manual

import (
	"fmt"
	"regexp"
	"strings"
)

// page writes one page with the macros of man(7).
type page struct{ b strings.Builder }

// head begins a page: its name, what it is in a line.
func (m Manual) head(name string, section int, purpose string) *page {
	p := &page{}
	p.line(`.TH %s %d "%s" "vmapd %s" "vmapd"`, arg(strings.ToUpper(name)), section, m.Date, escape(m.Version))
	// No hyphenation, and ragged margins: names stay whole.
	p.line(".nh\n.ad l")
	p.section("NAME")
	p.line(`%s \- %s`, escape(name), escape(purpose))
	return p
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

func (p *page) section(title string)    { p.line(".SH %s", arg(title)) }
func (p *page) subsection(title string) { p.line(".SS %s", arg(title)) }

// text writes paragraphs.
func (p *page) text(text string) {
	for i, paragraph := range paragraphs(text) {
		if i > 0 {
			p.line(".PP")
		}
		p.paragraph(paragraph)
	}
}

// paragraph writes one paragraph; lines that begin with white space are shown
// as they are.
func (p *page) paragraph(text string) {
	shown := false
	for line := range strings.SplitSeq(text, "\n") {
		asIs := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		switch {
		case asIs && !shown:
			p.line(".RS 4\n.nf")
		case !asIs && shown:
			p.line(".fi\n.RE")
		}
		if shown = asIs; asIs {
			line = strings.TrimSpace(line)
		}
		p.line("%s", inline(strings.TrimLeft(line, "# "))) // cobra's own texts have headings
	}
	if shown {
		p.line(".fi\n.RE")
	}
}

// item writes a paragraph with a tag before it. tag is roff.
func (p *page) item(tag, text string) {
	p.line(".TP\n%s", tag)
	p.within(text)
}

// within writes paragraphs that belong to a tag.
func (p *page) within(text string) {
	for i, paragraph := range paragraphs(text) {
		if i > 0 {
			p.line(".IP")
		}
		p.paragraph(paragraph)
	}
}

func (p *page) flags(list []flag) {
	for _, f := range list {
		tag := bold(f.names)
		if f.value != "" {
			tag += " " + italic(f.value)
		}
		text := sentence(f.text)
		if f.byItself != "" {
			text += " Default: `" + f.byItself + "`."
		}
		p.item(tag, text)
	}
}

// paragraphs splits a text at blank lines.
func paragraphs(text string) (list []string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if paragraph = strings.Trim(paragraph, "\n"); paragraph != "" {
			list = append(list, paragraph)
		}
	}
	return list
}

// sentence ends what stands as a phrase. Its first letter stays: it may be that
// of a value.
func sentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

func bold(text string) string   { return `\fB` + escape(text) + `\fR` }
func italic(text string) string { return `\fI` + escape(text) + `\fR` }

// inline escapes a line and makes bold what stands in backquotes.
func inline(line string) string {
	return regexp.MustCompile("`([^`]+)`").ReplaceAllStringFunc(escape(line), func(s string) string {
		return `\fB` + strings.Trim(s, "`") + `\fR`
	})
}

// escape writes text so that it comes out as it is: hyphens that can be copied,
// no controls at the beginning of a line. Backquotes stay, for inline.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "~", `\(ti`, "^", `\(ha`, "\t", "    ").Replace(text)
	if strings.HasPrefix(text, ".") {
		return `\&` + text
	}
	return text
}

// arg writes text as one argument of a macro.
func arg(text string) string { return `"` + strings.ReplaceAll(escape(text), `"`, `\(dq`) + `"` }
