package doctor

// Checks lists all checks, in the order in which findings of one level come.
func Checks() []Check {
	return []Check{
		checkLoops(), checkDangling(), checkStale(), checkEmpty(), checkLarge(),
		checkSwallowed(), checkShadowed(), checkSelfAlias(), checkClosed(), checkExpired(),

		checkEmail(), checkPasswordUnknown(), checkPasswordMissing(), checkPasswordWeak(), checkMailboxOrphan(), checkOperation(),

		checkDomainIsAlias(), checkDomainAliasTarget(), checkDomainAliasRow(), checkDomainType(), checkRelayRoute(),

		checkOrphanAlias(), checkOrphanAccess(), checkOrphanTransport(), checkOrphanUsage(), checkNegativeUsage(),

		checkFull(), checkDomainQuota(), checkDefaultQuota(),

		checkKey(), checkSelector(),

		checkCollisions(), checkBadValues(), checkReferences(),

		checkDaemon(), checkDatabase(), checkAge(), checkFollowing(), checkSpool(), checkRunning(), checkKeyRecords(), checkOperations(),

		checkOutsideSettings(), checkOutsideDown(),

		checkSocketMissing(), checkSocketAccess(),

		checkWarnings(), checkStateDir(), checkKeyFiles(), checkMailRoot(),

		checkPostfixSQL(), checkPostfixMaps(), checkPostfixUnknown(), checkPostfixAccess(), checkPostfixProxy(), checkPostfixChroot(), checkPostfixDelimiter(),
		checkPostfixTransport(), checkPostfixMilters(), checkPostfixPolicy(), checkPostfixPolicyEnd(), checkPostfixSASL(), checkPostfixDestination(), checkPostfixThere(),

		checkDovecotSQL(), checkDovecotAuth(), checkDovecotQuota(), checkDovecotLastLogin(), checkDovecotLMTP(), checkDovecotDelimiter(), checkDovecotUID(), checkDovecotCache(),
		checkDovecotThere(),
	}
}
