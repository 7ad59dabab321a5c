package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// askParameters is how long the database gets to tell Modoboa's parameters.
const askParameters = 5 * time.Second

func (a *app) configShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show the values in effect and where they come from, without passwords", Args: cobra.NoArgs,
		Long: "Shows every setting with the place where it was set: file, line and column, -o, or default. Then come Modoboa's own parameters as vmapd uses them: set in vmapd's file, " +
			"stored in the database, or Modoboa's default. While the database is away they are the last that the daemon read. Passwords and secret keys are not shown.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			theirs := readParameters(cmd.Context(), c)
			if a.json {
				return a.printJSON(struct {
					*daemon.Config
					Origins map[string]string
					Modoboa *shownParameters // takes the place of the section
				}{c.Redacted(), c.Origins(), theirs})
			}
			fmt.Fprint(a.out, c.Show())
			a.printParameters(theirs)
			return nil
		},
	}
}

// shownParameters are Modoboa's, with where they were read.
type shownParameters struct {
	Source     string             `json:"source"`
	Error      string             `json:"error,omitempty"` // why it is not the database
	Parameters []parameters.Value `json:"parameters"`
	Problems   []string           `json:"problems,omitempty"`
}

// readParameters asks the database, or else what the daemon has kept.
func readParameters(ctx context.Context, c *daemon.Config) *shownParameters {
	ctx, cancel := context.WithTimeout(ctx, askParameters)
	defer cancel()
	d, err := db.Open(c.Database.URL, db.Options{Password: c.Password(), ReadOnly: true})
	if err != nil {
		return &shownParameters{Error: err.Error()}
	}
	defer func() { _ = d.Close() }()
	shown := &shownParameters{Source: "core_localconfig of " + d.Name}
	set, err := askDatabase(ctx, d, c)
	if err != nil {
		shown.Error = err.Error()
		book, _ := parameters.OpenBook(daemon.ParametersPath(c.StateDir), d.Name, c.Overrides()) // without the file it has the defaults
		set, shown.Source = book.Current(), "defaults alone"
		if at := book.Read(); !at.IsZero() {
			shown.Source = "what the daemon read at " + at.Format(time.RFC3339)
		}
	}
	shown.Parameters = set.Values()
	for _, p := range set.Problems() {
		shown.Problems = append(shown.Problems, p.String())
	}
	return shown
}

// currentParameters are those of readParameters, or nil if nobody knows them. The
// error says why the database could not be asked.
func currentParameters(ctx context.Context, c *daemon.Config) (*parameters.Set, error) {
	ctx, cancel := context.WithTimeout(ctx, askParameters)
	defer cancel()
	d, err := db.Open(c.Database.URL, db.Options{Password: c.Password(), ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	set, err := askDatabase(ctx, d, c)
	if err == nil {
		return set, nil
	}
	if book, _ := parameters.OpenBook(daemon.ParametersPath(c.StateDir), d.Name, c.Overrides()); !book.Read().IsZero() {
		return book.Current(), err
	}
	return nil, err
}

func askDatabase(ctx context.Context, d *db.DB, c *daemon.Config) (*parameters.Set, error) {
	release, err := parameters.Detect(ctx, d, d)
	if err != nil {
		return nil, err
	}
	return parameters.Read(ctx, d, d, release, c.Overrides())
}

// printParameters writes them as comments: what is shown before is a file that
// vmapd can read.
func (a *app) printParameters(p *shownParameters) {
	fmt.Fprintf(a.out, "\n# Modoboa's parameters: %s\n", p.Source)
	if p.Error != "" {
		fmt.Fprintf(a.out, "# the database could not be asked: %s\n", p.Error)
	}
	for _, problem := range p.Problems {
		fmt.Fprintf(a.out, "# problem: %s\n", problem)
	}
	for _, v := range p.Parameters {
		if v.Absent && v.Origin == parameters.Default {
			continue // of another release
		}
		origin := string(v.Origin)
		if v.Place != "" {
			origin = v.Place
		}
		fmt.Fprintf(a.out, "# %s = %s  # %s\n", v.Name, v, origin)
	}
}
