package page

import "github.com/vmapd/vmapd/admin/manage"

func domainAliases() *kind[manage.DomainAlias, manage.DomainAliasInput] {
	return &kind[manage.DomainAlias, manage.DomainAliasInput]{
		path: "/domainaliases", one: "domain alias", many: "Domain aliases", object: manage.DomainAliasObject,
		list:    (*manage.Tx).DomainAliases,
		columns: []column{{Label: "Name", Sort: "name"}, {Label: "Stands for"}, {Label: "State", Sort: "enabled"}},
		row:     func(d *manage.DomainAlias) []cell { return []cell{plain(d.TargetName), enabled(d.Enabled)} },
		get:     (*manage.Tx).DomainAlias, id: func(d *manage.DomainAlias) int64 { return d.ID }, name: func(d *manage.DomainAlias) string { return d.Name },
		fields: func(_ *manage.Caller, o *manage.DomainAlias) []*field {
			d := manage.DomainAlias{Enabled: true}
			if o != nil {
				d = *o
			}
			return []*field{
				text("name", "Name", d.Name, "The other name of the domain, such as example.net.").required(),
				text("target", "Stands for", d.TargetName, "The domain whose addresses also exist under this name.").required(),
				check("enabled", "Enabled", d.Enabled, ""),
			}
		},
		input: func(_ *manage.Caller, f *form) manage.DomainAliasInput {
			return manage.DomainAliasInput{Name: f.text("name"), TargetName: f.text("target"), Enabled: f.flag("enabled")}
		},
		create: plainCreate((*manage.Tx).CreateDomainAlias),
		update: plainUpdate((*manage.Tx).UpdateDomainAlias),
		remove: func(t *manage.Tx, id int64, _ bool) error { return t.DeleteDomainAlias(id) },
		loss: func(d *manage.DomainAlias) string {
			return "Mail for addresses at " + d.Name + " is refused from then on."
		},
	}
}
