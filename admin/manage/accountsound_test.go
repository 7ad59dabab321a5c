package manage_test

import "github.com/vmapd/vmapd/store/db"

// sound fails the test if something is not as it must be after any action.
func (o *office) sound() {
	o.t.Helper()
	for what, query := range unsound(o.d.Dialect) {
		if got := o.rows(query); len(got) > 0 {
			o.t.Errorf("%s: %q", what, got)
		}
	}
}

// unsound are queries for what there must not be.
func unsound(d db.Dialect) map[string]string {
	address := "m.address || '@' || d.name"
	if d == db.MySQL {
		address = "concat(m.address, '@', d.name)"
	}
	return map[string]string{
		"mailbox without its alias": "SELECT " + address + ` FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id WHERE 1 <> (SELECT count(*)
			FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id WHERE a.internal = true AND a.domain_id = d.id
			AND a.address = ` + address + " AND r.r_mailbox_id = m.id AND r.address = " + address + ")",
		"mailbox without usage": "SELECT " + address + ` FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id
			WHERE NOT EXISTS (SELECT 1 FROM admin_quota q WHERE q.username = ` + address + ")",
		"usage without mailbox": `SELECT q.username FROM admin_quota q WHERE NOT EXISTS (SELECT 1 FROM admin_mailbox m
			JOIN admin_domain d ON d.id = m.domain_id WHERE q.username = ` + address + ")",
		"mail address of no mailbox": `SELECT u.username, u.email FROM core_user u LEFT JOIN admin_mailbox m ON m.user_id = u.id
			LEFT JOIN admin_domain d ON d.id = m.domain_id WHERE u.email <> coalesce(` + address + ", '')",
		"user whose mailbox has another name": `SELECT u.username FROM core_user u JOIN core_user_groups ug ON ug.user_id = u.id
			JOIN auth_group g ON g.id = ug.group_id WHERE g.name = 'SimpleUsers' AND u.email <> u.username`,
		"account not of one role": `SELECT u.username FROM core_user u WHERE CASE WHEN u.is_superuser = true THEN 0 ELSE 1 END <>
			(SELECT count(*) FROM core_user_groups ug WHERE ug.user_id = u.id)`,
		"alias without recipient": "SELECT a.address FROM admin_alias a WHERE NOT EXISTS (SELECT 1 FROM modoboa_admin_aliasrecipient r WHERE r.alias_id = a.id)",
		"recipient that does not exist": `SELECT r.address FROM modoboa_admin_aliasrecipient r LEFT JOIN admin_alias a ON a.id = r.alias_id
			LEFT JOIN admin_mailbox m ON m.id = r.r_mailbox_id LEFT JOIN admin_alias t ON t.id = r.r_alias_id
			WHERE a.id IS NULL OR m.id IS NULL AND r.r_mailbox_id IS NOT NULL OR t.id IS NULL AND r.r_alias_id IS NOT NULL`,
		"object without one owner": `SELECT k.model, k.id FROM (SELECT 'mailbox' model, id FROM admin_mailbox UNION ALL SELECT 'user', id FROM core_user
			UNION ALL SELECT 'domain', id FROM admin_domain UNION ALL SELECT 'alias', id FROM admin_alias WHERE internal = false) k
			WHERE 1 <> (SELECT count(*) FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
				WHERE ct.model = k.model AND oa.object_id = k.id AND oa.is_owner = true)`,
		"access to nothing": `SELECT ct.model, oa.object_id FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
			WHERE ct.model = 'mailbox' AND oa.object_id NOT IN (SELECT id FROM admin_mailbox)
			OR ct.model = 'alias' AND oa.object_id NOT IN (SELECT id FROM admin_alias)
			OR ct.model = 'user' AND oa.object_id NOT IN (SELECT id FROM core_user)`,
		"access to an account with more rights": `SELECT w.username, u.username FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
			JOIN core_user u ON u.id = oa.object_id JOIN core_user w ON w.id = oa.user_id WHERE ct.model = 'user' AND oa.is_owner = false
			AND w.is_superuser = false AND w.id <> u.id AND (u.is_superuser = true OR EXISTS (SELECT 1 FROM core_user_groups ug
				JOIN auth_group g ON g.id = ug.group_id WHERE ug.user_id = u.id AND g.name = 'Resellers'))`,
		"domain with more given away than it has": `SELECT d.name FROM admin_domain d
			WHERE d.quota > 0 AND d.quota < (SELECT coalesce(sum(m.quota), 0) FROM admin_mailbox m WHERE m.domain_id = d.id)`,
	}
}
