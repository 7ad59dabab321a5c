package page

import (
	"net/http"
	"testing"

	"github.com/vmapd/vmapd/store/db/dbtest"
)

// Beside an object's own form stand others: who administrates a domain, what a
// mailbox may send as, limits.
func TestParts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) { testParts(t, openWorldAt(t, url, nil)) })
}

func testParts(t *testing.T, w *world) {
	v, adm := w.visitor("root"), w.visitor("adm@one.test")
	two := "/domains/" + w.id("admin_domain", "name", "two.test")
	id := w.id("core_user", "username", "adm@one.test")
	v.wants(v.get(two), http.StatusOK, "Add an administrator", "!Remove an administrator")
	v.wants(v.post(two+"/admin", "account", "ann@one.test"), http.StatusUnprocessableEntity, "not an administrator", `id="f-admin-account-error"`)
	v.wants(v.post(two+"/admin", "account", "nobody"), http.StatusUnprocessableEntity, `value="nobody"`)
	v.wants(v.post(two+"/admin", "account", "ADM@one.test"), http.StatusSeeOther)
	adm.wants(adm.get(two), http.StatusOK, "!Add an administrator", "!Limits of the domain")
	adm.wants(adm.post(two+"/admin", "account", "adm@one.test"), http.StatusNotFound)
	v.wants(v.post(two+"/noadmin", "account", id), http.StatusSeeOther)
	adm.wants(adm.get(two), http.StatusNotFound)
	v.wants(v.post(two+"/noadmin", "account", id), http.StatusNotFound) // there is nobody to remove
	v.wants(v.post(two+"/limits", "mailboxes", "7", "mailbox_aliases", "", "domain_admins", "x"), http.StatusUnprocessableEntity, "A whole number")
	v.wants(v.post(two+"/limits", "mailboxes", "7", "mailbox_aliases", "", "domain_admins", "1"), http.StatusSeeOther)
	v.wants(v.get(two), http.StatusOK, "The limits are saved.", "of 7", `id="f-limits-mailboxes"`)

	ann := "/accounts/" + w.id("core_user", "username", "ann@one.test")
	adm.wants(adm.get(ann), http.StatusOK, "May also send as", "!<h2>Limits")
	adm.wants(adm.post(ann+"/sender", "address", "boss@one.test"), http.StatusSeeOther)
	adm.wants(adm.get(ann), http.StatusOK, "boss@one.test", "May no longer send as")
	v.wants(v.post(ann+"/sender", "address", "no address"), http.StatusUnprocessableEntity, `value="no address"`)
	sender := w.id("admin_senderaddress", "address", "boss@one.test")
	cem := "/accounts/" + w.id("core_user", "username", "cem@two.test")
	v.wants(v.post(cem+"/sender", "address", "x@two.test"), http.StatusSeeOther)
	v.wants(v.post(cem+"/nosender", "id", sender), http.StatusUnprocessableEntity) // another mailbox's
	adm.wants(adm.post(cem+"/nosender", "id", sender), http.StatusNotFound)
	adm.wants(adm.post(ann+"/nosender", "id", sender), http.StatusSeeOther)
	v.wants(v.get(ann), http.StatusOK, "!boss@one.test")

	v.wants(v.get("/accounts/"+id), http.StatusOK, "<h2>Limits")
	v.wants(v.post("/accounts/"+id+"/limits", "mailboxes", "3", "quota", ""), http.StatusSeeOther)
	v.wants(v.get("/accounts/"+id), http.StatusOK, "of 3")
	adm.wants(adm.post("/accounts/"+id+"/limits", "mailboxes", "1000"), http.StatusNotFound)
	w.quiet()
}
