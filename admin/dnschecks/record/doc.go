// Package record reads what domains publish about their mail: SPF, DMARC,
// MTA-STS and TLS-RPT records, and the policy files of MTA-STS. It knows no
// network; what follows from a record is the business of admin/dnschecks.
//
//	s, err := record.ParseSPF("v=spf1 mx -all")       // RFC 7208
//	d, err := record.ParseDMARC("v=DMARC1; p=reject")  // RFC 7489
//	i, err := record.ParseSTS("v=STSv1; id=20260101")  // RFC 8461
//	p, err := record.ParsePolicy("version: STSv1\n...")
//	t, err := record.ParseTLSRPT("v=TLSRPTv1; rua=mailto:tls@example.org") // RFC 8460
//
// Texts are those of TXT records with their strings joined. Each parser is as
// strict as the RFC lets verifiers be: what one of them may refuse is an error.
// Errors say what is wrong in one clause; pieces of the text are quoted in
// them, for a text may hold anything.
package record
