package modoboa

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// A part of a file has so many lines, or a tenth of the file's if that is more:
// each part reads all names of the database (see loadWorld).
const (
	importPart  = 10000
	importParts = 10
)

// importer carries one import from pass to pass.
type importer struct {
	db     *db.DB
	o      ImportOptions
	file   *csvText
	hashes map[int]string // of passwords, by line
	done   int64
	total  int64
}

func (i *importer) step(n int) {
	i.done += int64(n)
	if i.o.Progress != nil && n > 0 {
		i.o.Progress(i.done, i.total)
	}
}

// run goes through the file once. Hashing may take minutes and must not hold a
// transaction open, so it stands between a first pass, which is rolled back and
// finds the errors and the accounts to be made, and the one that counts.
func (i *importer) run(ctx context.Context) (*ImportReport, error) {
	i.total = i.steps()
	if i.o.CryptPasswords && !i.o.DryRun {
		i.total *= 2
		c, err := i.pass(ctx, false)
		if err != nil {
			return nil, err
		}
		if err := i.hash(ctx, c.accounts); err != nil {
			return nil, err
		}
	}
	c, err := i.pass(ctx, !i.o.DryRun)
	if err != nil {
		return nil, err
	}
	return c.report, nil
}

// size is how many lines are taken at once.
func (i *importer) size() int {
	if i.o.part > 0 {
		return i.o.part
	}
	return max(importPart, (i.file.lines+importParts-1)/importParts)
}

// steps is what a pass comes to: recipients are a second way through the file,
// unless it is taken at once.
func (i *importer) steps() int64 {
	if i.file.lines > i.size() {
		return 2 * int64(i.file.lines)
	}
	return int64(i.file.lines)
}

// pass takes the whole file in one transaction, and commits it or not. First
// everything is made but the recipients of aliases: those may stand below. What
// is wrong in one part does not keep the others from being looked at.
func (i *importer) pass(ctx context.Context, commit bool) (*course, error) {
	tx, err := rows.Begin(ctx, i.db)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error that counts is another
	c := newCourse(i.o, i.file)
	whole := i.file.lines <= i.size()
	err = i.file.parts(i.size(), func(f *csvFile) error {
		return i.take(ctx, tx, c, f, func(p *plan) {
			p.objects(f)
			if whole {
				p.resolveAll()
			}
		})
	})
	if c.made = true; err == nil && !whole {
		err = i.file.parts(i.size(), func(f *csvFile) error {
			return i.take(ctx, tx, c, f, func(p *plan) { p.recipients(f) })
		})
	}
	if err == nil {
		err = c.err()
	}
	if err != nil || !commit {
		return c, err
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return c, nil
}

// take plans a part of the file and writes what comes of it.
func (i *importer) take(ctx context.Context, tx *sql.Tx, c *course, f *csvFile, plans func(*plan)) error {
	world, err := loadWorld(ctx, i.db, tx, f, c)
	if err != nil {
		return err
	}
	p := newPlan(c, world)
	plans(p)
	for n, u := range p.set.Users {
		if h, ok := i.hashes[p.userLines[n]]; ok {
			u.Password = h
		}
	}
	c.accounts = append(c.accounts, p.userLines...)
	c.report.Created["mailbox"] += len(p.set.Mailboxes)
	c.report.Created["recipient"] += len(p.set.Recipients) - len(p.set.Mailboxes) - len(p.set.DomainAliases)
	told := share{lines: len(f.lines), step: i.step}
	w := rows.Writer{DB: i.db, Tx: tx, Base: world.base, Total: told.begin, Progress: told.rows}
	if err := w.Write(ctx, &p.set); err != nil {
		return err
	}
	told.end()
	return nil
}

// share tells the rows of a part as lines.
type share struct {
	lines, told, done, total int
	step                     func(lines int)
}

func (s *share) begin(rows int) { s.total = rows }

func (s *share) rows(n int) {
	s.done += n
	s.tell(s.lines * s.done / max(s.total, 1))
}

func (s *share) end() { s.tell(s.lines) }

func (s *share) tell(lines int) {
	s.step(lines - s.told)
	s.told = lines
}

// hash hashes the passwords of the lines with these numbers.
func (i *importer) hash(ctx context.Context, lines []int) error {
	i.total += int64(len(lines))
	i.hashes = make(map[int]string, len(lines))
	return i.file.parts(i.size(), func(f *csvFile) error {
		var clear []string
		var of []int
		for _, l := range f.lines {
			if at := len(i.hashes) + len(of); at < len(lines) && l.number == lines[at] {
				clear, of = append(clear, l.field(2)), append(of, l.number)
			}
		}
		hashed, err := hashAll(ctx, clear, func() { i.step(1) })
		for n, h := range hashed {
			i.hashes[of[n]] = h
		}
		return err
	})
}
