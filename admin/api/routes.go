package api

import (
	"net/http"

	"github.com/vmapd/vmapd/admin/manage"
)

// Route is one line of the table of routes.
type Route struct {
	Method  string
	Pattern string // of net/http, without {$}
	Name    string // operationId in openapi.yaml, and the label of metrics
	// May says to whom the route is open at all. What he may do there with which
	// object is a question for manage.
	May func(*manage.Caller) bool

	plan plan // what is done in a transaction, alone or in a bulk request
	ask  ask  // what is done without one
}

// plan reads a request and returns what is to be done in a transaction.
type plan func(c *call) (step, error)

// step does it.
type step func(t *manage.Tx) (*answer, error)

// ask answers without the database, or with transactions of its own.
type ask func(c *call) (*answer, error)

// Write reports whether the route changes something.
func (r *Route) Write() bool { return r.Method != http.MethodGet }

func everyone(*manage.Caller) bool { return true }

func administrators(c *manage.Caller) bool { return c.Administrates() }

func supers(c *manage.Caller) bool { return c.Super() }

// may is for the roles that may change objects of a kind.
func may(o manage.Object) func(*manage.Caller) bool {
	return func(c *manage.Caller) bool { return c.May(o) }
}

const (
	get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

	base = "/api/v1/"
)

// Routes returns all routes but those of the documentation, which are open to
// everyone: /api/v1/openapi.yaml and /docs/api/.
func Routes() []Route {
	var all []Route
	for _, part := range [][]Route{domainRoutes(), accountRoutes(), aliasRoutes(), viewRoutes(), keyRoutes(), jobRoutes(), limitRoutes()} {
		all = append(all, part...)
	}
	return all
}

func domainRoutes() []Route {
	domains, relays, aliases := may(manage.DomainObject), may(manage.DomainObject), may(manage.DomainAliasObject)
	return []Route{
		{get, base + "domains/", "listDomains", everyone, listDomains, nil},
		{post, base + "domains/", "createDomain", domains, createDomain, nil},
		{get, base + "domains/{pk}/", "getDomain", everyone, getDomain, nil},
		{put, base + "domains/{pk}/", "replaceDomain", domains, updateDomain, nil},
		{patch, base + "domains/{pk}/", "changeDomain", domains, updateDomain, nil},
		{del, base + "domains/{pk}/", "deleteDomain", domains, deleteDomain, nil},
		{get, base + "domains/{pk}/dns/", "getDomainDNS", everyone, nil, getDNS},
		{post, base + "domains/{pk}/dns/check/", "checkDomainDNS", administrators, nil, checkDNS},
		{get, base + "domains/by-name/{name}", "getDomainByName", everyone, getDomainByName, nil},
		{put, base + "domains/by-name/{name}", "putDomainByName", domains, putDomain, nil},
		{del, base + "domains/by-name/{name}", "deleteDomainByName", domains, deleteDomainByName, nil},
		{get, base + "domains/{pk}/administrators/", "listDomainAdministrators", everyone, listDomainAdmins, nil},
		{post, base + "domains/{pk}/administrators/", "addDomainAdministrator", domains, addDomainAdmin, nil},
		{del, base + "domains/{pk}/administrators/{account}/", "removeDomainAdministrator", domains, removeDomainAdmin, nil},
		{get, base + "domains/{pk}/limits/", "getDomainLimits", administrators, getDomainLimits, nil},
		{put, base + "domains/{pk}/limits/", "setDomainLimits", domains, setDomainLimits, nil},

		{get, base + "relaydomains/", "listRelayDomains", everyone, listRelayDomains, nil},
		{post, base + "relaydomains/", "createRelayDomain", relays, createRelayDomain, nil},
		{get, base + "relaydomains/{pk}/", "getRelayDomain", everyone, getRelayDomain, nil},
		{put, base + "relaydomains/{pk}/", "replaceRelayDomain", relays, updateRelayDomain, nil},
		{patch, base + "relaydomains/{pk}/", "changeRelayDomain", relays, updateRelayDomain, nil},
		{del, base + "relaydomains/{pk}/", "deleteRelayDomain", relays, deleteRelayDomain, nil},
		{get, base + "relaydomains/by-name/{name}", "getRelayDomainByName", everyone, getRelayDomainByName, nil},
		{put, base + "relaydomains/by-name/{name}", "putRelayDomainByName", relays, putRelayDomain, nil},
		{del, base + "relaydomains/by-name/{name}", "deleteRelayDomainByName", relays, deleteRelayDomainByName, nil},

		{get, base + "domainaliases/", "listDomainAliases", everyone, listDomainAliases, nil},
		{post, base + "domainaliases/", "createDomainAlias", aliases, createDomainAlias, nil},
		{get, base + "domainaliases/{pk}/", "getDomainAlias", everyone, getDomainAlias, nil},
		{put, base + "domainaliases/{pk}/", "replaceDomainAlias", aliases, updateDomainAlias, nil},
		{patch, base + "domainaliases/{pk}/", "changeDomainAlias", aliases, updateDomainAlias, nil},
		{del, base + "domainaliases/{pk}/", "deleteDomainAlias", aliases, deleteDomainAlias, nil},
		{get, base + "domainaliases/by-name/{name}", "getDomainAliasByName", everyone, getDomainAliasByName, nil},
		{put, base + "domainaliases/by-name/{name}", "putDomainAliasByName", aliases, putDomainAlias, nil},
		{del, base + "domainaliases/by-name/{name}", "deleteDomainAliasByName", aliases, deleteDomainAliasByName, nil},
	}
}

func accountRoutes() []Route {
	users := may(manage.UserObject)
	return []Route{
		{get, base + "accounts/", "listAccounts", everyone, listAccounts, nil},
		{post, base + "accounts/", "createAccount", users, createAccount, nil},
		{get, base + "accounts/exists/", "accountExists", everyone, accountExists, nil},
		{get, base + "accounts/{pk}/", "getAccount", everyone, getAccount, nil},
		{put, base + "accounts/{pk}/", "replaceAccount", users, updateAccount, nil},
		{patch, base + "accounts/{pk}/", "changeAccount", users, updateAccount, nil},
		{del, base + "accounts/{pk}/", "deleteAccount", users, deleteAccount, nil},
		{put, base + "accounts/{pk}/password/", "changePassword", everyone, changePassword, nil},
		{get, base + "accounts/{pk}/forward/", "getForward", everyone, getForward, nil},
		{put, base + "accounts/{pk}/forward/", "setForward", everyone, setForward, nil},
		{get, base + "accounts/by-name/{name}", "getAccountByName", everyone, getAccountByName, nil},
		{put, base + "accounts/by-name/{name}", "putAccountByName", users, putAccount, nil},
		{del, base + "accounts/by-name/{name}", "deleteAccountByName", users, deleteAccountByName, nil},

		{get, base + "resources/{pk}/", "getResources", everyone, getResources, nil},
		{put, base + "resources/{pk}/", "replaceResources", administrators, setResources, nil},
		{patch, base + "resources/{pk}/", "changeResources", administrators, setResources, nil},

		{get, base + "tokens/", "listTokens", administrators, listTokens, nil},
		{post, base + "tokens/", "createToken", administrators, createToken, nil},
		{del, base + "tokens/{pk}/", "revokeToken", administrators, revokeToken, nil},

		{get, base + "counters/", "listCounters", everyone, listCounters, nil},
	}
}

func aliasRoutes() []Route {
	aliases, senders := may(manage.AliasObject), may(manage.SenderAddressObject)
	return []Route{
		{get, base + "aliases/", "listAliases", everyone, listAliases, nil},
		{post, base + "aliases/", "createAlias", aliases, createAlias, nil},
		{get, base + "aliases/{pk}/", "getAlias", everyone, getAlias, nil},
		{put, base + "aliases/{pk}/", "replaceAlias", aliases, updateAlias, nil},
		{patch, base + "aliases/{pk}/", "changeAlias", aliases, updateAlias, nil},
		{del, base + "aliases/{pk}/", "deleteAlias", aliases, deleteAlias, nil},
		{get, base + "aliases/by-name/{name}", "getAliasByName", everyone, getAliasByName, nil},
		{put, base + "aliases/by-name/{name}", "putAliasByName", aliases, putAlias, nil},
		{del, base + "aliases/by-name/{name}", "deleteAliasByName", aliases, deleteAliasByName, nil},

		{get, base + "senderaddresses/", "listSenderAddresses", everyone, listSenders, nil},
		{post, base + "senderaddresses/", "createSenderAddress", senders, createSender, nil},
		{get, base + "senderaddresses/{pk}/", "getSenderAddress", everyone, getSender, nil},
		{put, base + "senderaddresses/{pk}/", "replaceSenderAddress", senders, updateSender, nil},
		{patch, base + "senderaddresses/{pk}/", "changeSenderAddress", senders, updateSender, nil},
		{del, base + "senderaddresses/{pk}/", "deleteSenderAddress", senders, deleteSender, nil},
	}
}

func viewRoutes() []Route {
	return []Route{
		{post, base + "bulk/", "bulk", everyone, nil, bulk},
		{get, base + "lookup/", "lookup", everyone, nil, lookUp},
		{get, base + "explain/", "explain", everyone, nil, explain},
		{get, base + "status/", "status", everyone, nil, status},
		{get, base + "doctor/", "doctor", supers, nil, doctor},
		{get, base + "log/", "listLog", supers, listLog, nil},
		{get, base + "alarms/", "listAlarms", administrators, nil, listAlarms},
		{post, base + "alarms/{pk}/close/", "closeAlarm", administrators, nil, closeAlarm},
	}
}

func keyRoutes() []Route {
	return []Route{
		{get, base + "dkim/", "listKeys", supers, nil, listKeys},
		{get, base + "dkim/{domain}/", "listDomainKeys", supers, nil, listKeys},
		{post, base + "dkim/{domain}/", "generateKey", supers, nil, generateKey},
		{post, base + "dkim/{domain}/rotate/", "rotateKey", supers, nil, rotateKey},
		{get, base + "dkim/{domain}/dns/", "keyRecords", supers, nil, keyRecords},
		{get, base + "dkim/{domain}/check/", "checkKeys", supers, nil, checkKeys},
	}
}

func jobRoutes() []Route {
	return []Route{
		{get, base + "jobs/", "listJobs", supers, nil, listJobs},
		{get, base + "jobs/{name}/", "getJob", supers, nil, getJob},
		{post, base + "jobs/{name}/run/", "runJob", supers, nil, runJob},
	}
}
