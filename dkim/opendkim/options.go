package opendkim

import "strings"

type valueKind uint8

const (
	text valueKind = iota
	boolean
	integer
	include
)

// Verdict says what becomes of an option.
type Verdict string

// The verdicts.
const (
	Maps    Verdict = "maps"    // a setting of vmapd has its part
	Builtin Verdict = "builtin" // vmapd does so without being told
	Differs Verdict = "differs" // vmapd does something else
	Dropped Verdict = "dropped" // nothing takes its place
)

// option is an option of opendkim.conf, and what becomes of it. An option with
// use decides by its value.
type option struct {
	name    string
	kind    valueKind
	verdict Verdict
	means   string
	use     func(*planner, line) (Verdict, string)
}

// What many options are.
const (
	verifies = "about verifying: vmapd signs alone; leave that to rspamd, or to OpenDKIM with Mode v"
	service  = "the service's own: see systemd's unit of vmapd"
	logs     = "vmapd logs each message with the reason, in one line"
	rare     = "a rarity without a place in vmapd"
	tests    = "for tests"
	memory   = "vmapd needs no temporary files"
	reports  = "about reports of failures (RFC 6651), which nobody sends any more"
)

// options are all that OpenDKIM 2.11 knows (opendkim-config.h), whichever of
// them a build has.
var options = []option{
	{name: "Include", kind: include},

	{name: "SigningTable", use: (*planner).signingTable},
	{name: "KeyTable", use: (*planner).keyTable},
	{name: "Domain", use: (*planner).single},
	{name: "Selector", use: (*planner).single},
	{name: "KeyFile", use: (*planner).single},
	{name: "SubDomains", kind: boolean, use: (*planner).subDomains},
	{name: "MultipleSignatures", kind: boolean, verdict: Builtin, means: "every active key of a domain signs"},
	{name: "Mode", use: (*planner).mode},
	{name: "Canonicalization", use: (*planner).canonicalization},
	{name: "OverSignHeaders", use: (*planner).overSign},
	{name: "SignHeaders", verdict: Differs, means: "vmapd signs the fields of RFC 6376 5.4.1 and those that a reader goes by; dkim.headers chooses what is oversigned"},
	{name: "OmitHeaders", verdict: Differs, means: "vmapd signs the fields of RFC 6376 5.4.1 and those that a reader goes by; dkim.headers chooses what is oversigned"},
	{name: "InternalHosts", use: (*planner).internalHosts},
	{name: "ExternalIgnoreList", verdict: Dropped, means: "it only keeps OpenDKIM from logging that other hosts sent mail; it has nobody signed"},
	{name: "PeerList", verdict: Dropped, means: "vmapd signs for nobody who is not authenticated, in dkim.networks or in dkim.daemon_names"},
	{name: "ExemptDomains", verdict: Dropped, means: "disable DKIM for these domains"},
	{name: "MTA", use: (*planner).mta},
	{name: "MacroList", use: (*planner).macroList},
	{name: "Socket", use: (*planner).socket},
	{name: "Nameservers", use: (*planner).nameservers},

	{name: "SignatureAlgorithm", use: (*planner).algorithm},
	{name: "RequireSafeKeys", kind: boolean, verdict: Builtin, means: "a key that others may read is refused, with a remedy"},
	{name: "MaximumHeaders", kind: integer, verdict: Builtin, means: "a header block of more than 1 MiB passes unsigned"},
	{name: "FixCRLF", kind: boolean, verdict: Builtin, means: "a bare LF is signed as a line end"},
	{name: "LogWhy", kind: boolean, verdict: Builtin, means: logs},
	{name: "Syslog", kind: boolean, verdict: Builtin, means: logs},
	{name: "SyslogSuccess", kind: boolean, verdict: Builtin, means: logs},
	{name: "SyslogFacility", verdict: Dropped, means: "messages go to standard error, which systemd gives to the journal"},
	{name: "SyslogName", verdict: Dropped, means: "messages go to standard error, which systemd gives to the journal"},
	{name: "LogResults", kind: boolean, verdict: Builtin, means: logs},
	{name: "UMask", kind: integer, use: (*planner).umask},
	{name: "UserID", use: (*planner).userID},
	{name: "SoftStart", kind: boolean, verdict: Builtin, means: "vmapd starts and signs while the database is away"},
	{name: "DNSTimeout", kind: integer, verdict: Builtin, means: "the check of published keys takes 5 seconds at most, and no message waits for it"},

	{name: "SenderHeaders", verdict: Differs, means: "the author is the one mailbox in From"},
	{name: "SenderMacro", verdict: Differs, means: "the author is the one mailbox in From"},
	{name: "DefaultSender", verdict: Differs, means: "mail without an author passes unsigned"},
	{name: "SignatureTTL", kind: integer, verdict: Dropped, means: "signatures do not expire"},
	{name: "RemoveOldSignatures", kind: boolean, verdict: Dropped, means: "signatures of others stay; our own is not made twice"},
	{name: "DontSignMailTo", verdict: Dropped, means: "the recipient decides nothing"},
	{name: "SelectCanonicalizationHeader", verdict: Dropped, means: "the sender would decide"},
	{name: "BodyLengthDB", verdict: Dropped, means: "l= lets anybody append to a signed message"},
	{name: "MaximumSignedBytes", kind: integer, verdict: Dropped, means: "l= lets anybody append to a signed message"},
	{name: "Diagnostics", kind: boolean, verdict: Dropped, means: "z= only makes messages longer"},
	{name: "DiagnosticDirectory", verdict: Dropped, means: "vmapd explain --dkim shows what would sign"},
	{name: "On-Default", verdict: Differs, means: "mail that cannot be signed passes unsigned, with a reason in the log and in the metrics"},
	{name: "On-InternalError", verdict: Differs, means: "mail that cannot be signed passes unsigned, with a reason in the log and in the metrics"},
	{name: "On-SignatureError", verdict: Differs, means: "mail that cannot be signed passes unsigned, with a reason in the log and in the metrics"},
	{name: "DomainKeysCompat", kind: boolean, verdict: Dropped, means: "DomainKeys is obsolete (RFC 5672)"},
	{name: "X-Header", kind: boolean, verdict: Dropped, means: "no field tells that vmapd was here"},
	{name: "SoftwareHeader", kind: boolean, verdict: Dropped, means: "no field tells that vmapd was here"},
	{name: "ResolverConfiguration", verdict: Dropped, means: "dkim.resolvers names DNS servers"},
	{name: "ResolverTracing", kind: boolean, verdict: Dropped, means: tests},
	{name: "DNSConnect", kind: boolean, verdict: Dropped, means: "the check of published keys goes to TCP when an answer is truncated"},

	{name: "AutoRestart", kind: boolean, verdict: Dropped, means: service},
	{name: "AutoRestartCount", kind: integer, verdict: Dropped, means: service},
	{name: "AutoRestartRate", verdict: Dropped, means: service},
	{name: "Background", kind: boolean, verdict: Dropped, means: service},
	{name: "BaseDirectory", verdict: Dropped, means: service},
	{name: "ChangeRootDirectory", verdict: Dropped, means: service},
	{name: "EnableCoredumps", kind: boolean, verdict: Dropped, means: service},
	{name: "PidFile", verdict: Dropped, means: service},
	{name: "TemporaryDirectory", verdict: Dropped, means: memory},
	{name: "KeepTemporaryFiles", kind: boolean, verdict: Dropped, means: memory},
	{name: "MilterDebug", kind: integer, verdict: Dropped, means: tests},
	{name: "TestDNSData", verdict: Dropped, means: tests},
	{name: "TestPublicKeys", verdict: Dropped, means: tests},
	{name: "StrictTestMode", kind: boolean, verdict: Dropped, means: tests},
	{name: "DisableCryptoInit", kind: boolean, verdict: Dropped, means: service},
	{name: "QueryCache", kind: boolean, verdict: Dropped, means: verifies},

	{name: "AllowSHA1Only", kind: boolean, verdict: Dropped, means: verifies},
	{name: "AlwaysAddARHeader", kind: boolean, verdict: Dropped, means: verifies},
	{name: "AuthservID", verdict: Dropped, means: verifies},
	{name: "AuthservIDWithJobID", kind: boolean, verdict: Dropped, means: verifies},
	{name: "BogusKey", verdict: Dropped, means: verifies},
	{name: "BogusPolicy", verdict: Dropped, means: verifies},
	{name: "CaptureUnknownErrors", kind: boolean, verdict: Dropped, means: verifies},
	{name: "ClockDrift", kind: integer, verdict: Dropped, means: verifies},
	{name: "IgnoreMalformedMail", kind: boolean, verdict: Dropped, means: verifies},
	{name: "KeepAuthResults", kind: boolean, verdict: Dropped, means: verifies},
	{name: "MaximumSignaturesToVerify", kind: integer, verdict: Dropped, means: verifies},
	{name: "Minimum", verdict: Dropped, means: verifies},
	{name: "MinimumKeyBits", kind: integer, verdict: Dropped, means: verifies},
	{name: "MTACommand", verdict: Dropped, means: reports},
	{name: "MustBeSigned", verdict: Dropped, means: verifies},
	{name: "NoHeaderB", kind: boolean, verdict: Dropped, means: verifies},
	{name: "On-BadSignature", verdict: Dropped, means: verifies},
	{name: "On-DNSError", verdict: Dropped, means: verifies},
	{name: "On-KeyNotFound", verdict: Dropped, means: verifies},
	{name: "On-NoSignature", verdict: Dropped, means: verifies},
	{name: "On-PolicyError", verdict: Dropped, means: verifies},
	{name: "On-ReputationError", verdict: Dropped, means: verifies},
	{name: "On-Security", verdict: Dropped, means: verifies},
	{name: "Quarantine", kind: boolean, verdict: Dropped, means: verifies},
	{name: "RedirectFailuresTo", verdict: Dropped, means: verifies},
	{name: "RemoveARAll", kind: boolean, verdict: Dropped, means: verifies},
	{name: "RemoveARFrom", verdict: Dropped, means: verifies},
	{name: "RequiredHeaders", kind: boolean, verdict: Dropped, means: verifies},
	{name: "StrictHeaders", kind: boolean, verdict: Dropped, means: verifies},
	{name: "TrustAnchorFile", verdict: Dropped, means: verifies},
	{name: "TrustSignaturesFrom", verdict: Dropped, means: verifies},
	{name: "UnprotectedKey", verdict: Dropped, means: verifies},
	{name: "UnprotectedPolicy", verdict: Dropped, means: verifies},
	{name: "WeakSyntaxChecks", kind: boolean, verdict: Dropped, means: verifies},

	{name: "ReportAddress", verdict: Dropped, means: reports},
	{name: "ReportBccAddress", verdict: Dropped, means: reports},
	{name: "RequestReports", kind: boolean, verdict: Dropped, means: reports},
	{name: "SendReports", kind: boolean, verdict: Dropped, means: reports},
	{name: "SMTPURI", verdict: Dropped, means: reports},

	{name: "ATPSDomains", verdict: Dropped, means: rare},
	{name: "ATPSHashAlgorithm", verdict: Dropped, means: rare},
	{name: "FinalPolicyScript", verdict: Dropped, means: rare},
	{name: "FlowData", verdict: Dropped, means: rare},
	{name: "FlowDataFactor", kind: integer, verdict: Dropped, means: rare},
	{name: "FlowDataTTL", kind: integer, verdict: Dropped, means: rare},
	{name: "IdentityHeader", verdict: Dropped, means: rare},
	{name: "IdentityHeaderRemove", kind: boolean, verdict: Dropped, means: rare},
	{name: "LDAPAuthMechanism", verdict: Dropped, means: rare},
	{name: "LDAPAuthName", verdict: Dropped, means: rare},
	{name: "LDAPAuthRealm", verdict: Dropped, means: rare},
	{name: "LDAPAuthUser", verdict: Dropped, means: rare},
	{name: "LDAPBindPassword", verdict: Dropped, means: rare},
	{name: "LDAPBindUser", verdict: Dropped, means: rare},
	{name: "LDAPDisableCache", kind: boolean, verdict: Dropped, means: rare},
	{name: "LDAPKeepaliveIdle", verdict: Dropped, means: rare},
	{name: "LDAPKeepaliveInterval", verdict: Dropped, means: rare},
	{name: "LDAPKeepaliveProbes", verdict: Dropped, means: rare},
	{name: "LDAPTimeout", verdict: Dropped, means: rare},
	{name: "LDAPUseTLS", kind: boolean, verdict: Dropped, means: rare},
	{name: "LuaOnlySigning", kind: boolean, verdict: Dropped, means: rare},
	{name: "POPDBFile", verdict: Dropped, means: "authenticated clients are signed; POP before SMTP is obsolete"},
	{name: "RateLimits", verdict: Dropped, means: rare},
	{name: "ReplaceRules", verdict: Dropped, means: rare},
	{name: "ReputationCache", verdict: Dropped, means: rare},
	{name: "ReputationCacheTTL", kind: integer, verdict: Dropped, means: rare},
	{name: "ReputationDuplicates", verdict: Dropped, means: rare},
	{name: "ReputationLimitModifiers", verdict: Dropped, means: rare},
	{name: "ReputationLimits", verdict: Dropped, means: rare},
	{name: "ReputationLowTime", verdict: Dropped, means: rare},
	{name: "ReputationMinimum", kind: integer, verdict: Dropped, means: rare},
	{name: "ReputationRRDHashDepth", kind: integer, verdict: Dropped, means: rare},
	{name: "ReputationRRDRoot", verdict: Dropped, means: rare},
	{name: "ReputationRatios", verdict: Dropped, means: rare},
	{name: "ReputationSpamCheck", verdict: Dropped, means: rare},
	{name: "ReputationTest", kind: boolean, verdict: Dropped, means: rare},
	{name: "ReputationTimeFactor", kind: integer, verdict: Dropped, means: rare},
	{name: "ReputationTimeout", kind: integer, verdict: Dropped, means: rare},
	{name: "ReputationVerbose", kind: boolean, verdict: Dropped, means: rare},
	{name: "ResignAll", kind: boolean, verdict: Dropped, means: rare},
	{name: "ResignMailTo", verdict: Dropped, means: rare},
	{name: "ScreenPolicyScript", verdict: Dropped, means: rare},
	{name: "SetupPolicyScript", verdict: Dropped, means: rare},
	{name: "Statistics", verdict: Dropped, means: "metrics tell it"},
	{name: "StatisticsName", verdict: Dropped, means: rare},
	{name: "StatisticsPolicyScript", verdict: Dropped, means: rare},
	{name: "StatisticsPrefix", verdict: Dropped, means: rare},
	{name: "VBR-Certifiers", verdict: Dropped, means: rare},
	{name: "VBR-PurgeFields", kind: boolean, verdict: Dropped, means: rare},
	{name: "VBR-TrustedCertifiers", verdict: Dropped, means: rare},
	{name: "VBR-TrustedCertifiersOnly", kind: boolean, verdict: Dropped, means: rare},
	{name: "VBR-Type", verdict: Dropped, means: rare},
}

// findOption finds an option by its name in any case.
func findOption(name string) *option {
	for i := range options {
		if strings.EqualFold(options[i].name, name) {
			return &options[i]
		}
	}
	return nil
}
