package outside

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// isAdmin reports whether somebody is in one of the groups whose members
// administrate domains.
func (d *directory) isAdmin(c *ldapConn, e *ldap.Entry) (bool, error) {
	if len(d.l.AdminGroups) == 0 {
		return false, nil
	}
	filter := d.membership(e)
	if filter == "" {
		return false, nil
	}
	if !d.l.DirectBind { // else he himself looks
		if err := d.bindService(c); err != nil {
			return false, err
		}
	}
	r, err := c.Search(ldap.NewSearchRequest(d.l.GroupsBase, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, seconds(d.s.Operation), false,
		filter, []string{"cn"}, nil))
	if err != nil {
		return false, failure("search groups", err)
	}
	return slices.ContainsFunc(r.Entries, func(group *ldap.Entry) bool {
		return slices.ContainsFunc(group.GetEqualFoldAttributeValues("cn"), d.named)
	}), nil
}

func (d *directory) named(group string) bool {
	return slices.ContainsFunc(d.l.AdminGroups, func(admins string) bool { return strings.EqualFold(admins, group) })
}

// membership is the filter that finds the groups somebody is in, "" if he can be
// in none. A posixGroup names its members by uid, and is also the group that a
// user's gidNumber names.
func (d *directory) membership(e *ldap.Entry) string {
	if d.l.GroupType == GroupOfNames {
		return fmt.Sprintf("(&(objectClass=groupOfNames)(member=%s))", ldap.EscapeFilter(e.DN))
	}
	var or strings.Builder
	for attribute, of := range map[string]string{"memberUid": "uid", "gidNumber": "gidNumber"} {
		if value := e.GetEqualFoldAttributeValue(of); value != "" {
			fmt.Fprintf(&or, "(%s=%s)", attribute, ldap.EscapeFilter(value))
		}
	}
	if or.Len() == 0 {
		return ""
	}
	return "(&(objectClass=posixGroup)(|" + or.String() + "))"
}
