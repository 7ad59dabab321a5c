package doctor

import (
	"os/user"
	"strconv"
)

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(gid)
}

// groupsOf returns the groups of a user, none of one who has no entry.
func groupsOf(uid int) (gids []int) {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return nil
	}
	names, err := u.GroupIds()
	if err != nil {
		return nil
	}
	for _, n := range names {
		if gid, err := strconv.Atoi(n); err == nil {
			gids = append(gids, gid)
		}
	}
	return gids
}

// Account returns a user of the system as a client, with all groups; false if
// there is none of that name.
func Account(name string) (Client, bool) {
	u, err := user.Lookup(name)
	if err != nil {
		return Client{}, false
	}
	uid, err := strconv.Atoi(u.Uid)
	return Client{Name: name, UID: uid, GIDs: groupsOf(uid)}, err == nil
}
