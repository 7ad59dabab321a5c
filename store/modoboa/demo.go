package modoboa

import _ "embed"

// DemoData is a small mail host as CSV lines for [ImportCSV]: two domains, a
// disabled one, a domain alias, a relay domain with a local mailbox, accounts
// and aliases of all kinds. The password of every account is "demo".
//
//go:embed demo.csv
var DemoData string
