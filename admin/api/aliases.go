package api

import (
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// oldAlias is an alias as Modoboa's first API shows it.
type oldAlias struct {
	PK         int64    `json:"pk"`
	Address    string   `json:"address"`
	Enabled    bool     `json:"enabled"`
	Internal   bool     `json:"internal"`
	Recipients []string `json:"recipients"`
}

// newAlias has what the second one adds.
type newAlias struct {
	oldAlias
	ExpireAt    *time.Time `json:"expire_at"`
	Description string     `json:"description"`
	Created     time.Time  `json:"creation"`
	Modified    time.Time  `json:"last_modification"`
}

func (c *call) alias(a *manage.Alias) any {
	old := oldAlias{a.ID, a.Address, a.Enabled, a.Internal, append([]string{}, a.Recipients...)}
	if c.old {
		return old
	}
	return newAlias{old, utc(a.ExpireAt), a.Description, a.Created.UTC(), a.Modified.UTC()}
}

// aliasInput reads an alias.
func (c *call) aliasInput(required ...string) (in manage.AliasInput, err error) {
	o, err := c.object()
	if err != nil {
		return in, err
	}
	o.require(required...)
	o.ignore("pk", "internal", "creation", "last_modification", "request_id")
	in = manage.AliasInput{Address: o.text("address"), Enabled: o.flag("enabled"), Recipients: o.list("recipients"), Description: o.textOrNull("description"), ExpireAt: o.time("expire_at")}
	in.Recipients.Value = split(in.Recipients.Value)
	if in.Recipients.Set && len(in.Recipients.Value) == 0 {
		o.fail("recipients", "This list may not be empty.")
	}
	c.strictByName(o)
	return in, o.err()
}

// split takes lists apart that come in one string, and drops what is empty.
func split(list []string) []string {
	out := []string{}
	for _, s := range list {
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

func listAliases(c *call) (step, error) {
	q, p, err := c.list("name")
	if err != nil {
		return nil, err
	}
	if q.Active, err = c.flagParam("enabled"); err != nil {
		return nil, err
	}
	if q.Internal, err = c.flagParam("internal"); err != nil {
		return nil, err
	}
	if !q.Internal.Set && !c.old {
		q.Internal = manage.Some(false) // Modoboa 1.10 lists those too
	}
	return func(t *manage.Tx) (*answer, error) {
		all, err := t.Aliases(q)
		if err != nil {
			return nil, err
		}
		return listed(c, p, all.Items, all.Total, c.alias)
	}, nil
}

func getAlias(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return one(c.alias)(t.Alias(id)) }, err
}

func createAlias(c *call) (step, error) {
	in, err := c.aliasInput("address", "recipients")
	return func(t *manage.Tx) (*answer, error) { return newOne(c.alias)(t.CreateAlias(in)) }, err
}

func updateAlias(c *call) (step, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	in, err := c.aliasInput(c.requiredOnPut("address", "recipients")...)
	return func(t *manage.Tx) (*answer, error) { return one(c.alias)(t.UpdateAlias(id, in)) }, err
}

func deleteAlias(c *call) (step, error) {
	id, err := c.pk("pk")
	return func(t *manage.Tx) (*answer, error) { return gone(), t.DeleteAlias(id) }, err
}
