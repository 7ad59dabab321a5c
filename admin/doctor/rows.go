package doctor

import (
	"fmt"
	"strconv"

	"github.com/vmapd/vmapd/store"
)

func checkCollisions() Check {
	return Check{
		Name: "row-collision", Group: "rows",
		Text: "Rows with the same name once folded to small letters, such as Example.org and example.org, which some databases let in. One is served, the other has no effect.",
		Do:   "Rename or delete one of the two rows.",
		look: look{finish: func(r *run) {
			r.sayProblems(store.Collision, Warning, "rename or delete one of the two rows", r.toldElsewhere)
		}},
	}
}

func checkBadValues() Check {
	return Check{
		Name: "row-value", Group: "rows",
		Text: "Values that must not reach a mail server: control bytes, invalid UTF-8, empty names, what is no number or no date. The row, or the value, is not served.",
		Do:   "Correct the value.",
		look: look{finish: func(r *run) {
			r.sayProblems(store.BadValue, Error, "correct the value in the database", func(*store.Problem) bool { return false })
		}},
	}
}

func checkReferences() Check {
	return Check{
		Name: "row-reference", Group: "rows",
		Text: "Recipients and sender addresses that refer to an alias or a mailbox which does not exist. They are not served.",
		Do:   "Delete the row, or correct the reference.",
		look: look{finish: func(r *run) {
			r.sayProblems(store.DanglingRef, Warning, "delete the row, or correct the reference", func(p *store.Problem) bool { return p.Table == "admin_mailbox" || p.Table == "admin_domainalias" })
		}},
	}
}

// sayProblems tells of the rows that the snapshot could not use. Those that
// another check tells of are left out.
func (r *run) sayProblems(kind store.ProblemKind, l Level, remedy string, elsewhere func(*store.Problem) bool) {
	list, _ := r.s.Problems()
	seen := 0
	for i := range list {
		p := &list[i]
		if p.Kind != kind {
			continue
		}
		if seen++; !elsewhere(p) {
			r.say(l, fmt.Sprintf("row %s of %s", p.RowID, p.Table), remedy, "%s %s", p.Column, p.Detail)
		}
	}
	for range r.s.ProblemTotals()[kind] - seen { // the list is not complete
		r.found[r.current].full(l)
	}
}

// toldElsewhere reports whether a domain alias collides with a domain, which
// domain-is-alias tells of.
func (r *run) toldElsewhere(p *store.Problem) bool {
	id, err := strconv.ParseUint(p.RowID, 10, 32)
	if err != nil || p.Table != "admin_domainalias" {
		return false
	}
	a, _ := r.s.DomainAliasByID(uint32(id))
	_, twice := r.bothNames(&a)
	return twice
}
