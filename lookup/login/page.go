package login

// Page is the service of vmapd's own web page. There an account logs in by its
// user name, as in Modoboa's own pages: it need not have an address or a
// mailbox, and nobody logs in as somebody else.
const Page = "page"

// findPage is find for the page.
func (c *check) findPage() {
	a, ok := c.snap.Account(c.names.checked)
	switch {
	case !ok:
		c.why = UnknownLogin
	case c.names.master():
		c.why = NotMaster
	case a.Password == "" && !c.mayAsk(&a):
		c.why = NoPassword
	default:
		c.account, c.exists, c.why = a, true, WrongPassword
		if !a.Active {
			c.refused = "the account is disabled"
		}
	}
}
