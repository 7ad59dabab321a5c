package policy

// attribute is the name of an attribute, as its place in what Postfix sends.
type attribute uint8

// The attributes that mean something here.
const (
	requestAttr        attribute = 0 // request
	stateAttr          attribute = 1
	clientAddressAttr  attribute = 3
	clientNameAttr     attribute = 4
	heloAttr           attribute = 9
	senderAttr         attribute = 10
	recipientAttr      attribute = 11
	recipientCountAttr attribute = 12
	queueIDAttr        attribute = 13
	instanceAttr       attribute = 14
	sizeAttr           attribute = 15
	saslMethodAttr     attribute = 18
	saslUsernameAttr   attribute = 19
	policyContextAttr  attribute = 28
	otherAttr          attribute = 31 // any that is not in names
)

// names are the attributes in the order in which Postfix 3.7 sends them
// (src/smtpd/smtpd_check.c, check_policy_service). Whoever sends others, or in
// another order, is understood as well.
var names = [otherAttr]string{
	"request", "protocol_state", "protocol_name", "client_address", "client_name", "client_port", "reverse_client_name",
	"server_address", "server_port", "helo_name", "sender", "recipient", "recipient_count", "queue_id", "instance",
	"size", "etrn_domain", "stress", "sasl_method", "sasl_username", "sasl_sender", "ccert_subject", "ccert_issuer",
	"ccert_fingerprint", "ccert_pubkey_fingerprint", "encryption_protocol", "encryption_cipher", "encryption_keysize",
	"policy_context", "compatibility_level", "mail_version",
}

// skipped bounds how many attributes may be left out, and those behind them still
// be where they are looked for.
const skipped = 4

// cutName finds the name of the line that b begins with, and its size in bytes,
// which is where a "=" should be. Most often it is the one that is next.
func cutName(b []byte, next attribute) (a attribute, size int) {
	if next < otherAttr {
		if name := names[next]; len(b) > len(name) && b[len(name)] == '=' && string(b[:len(name)]) == name {
			return next, len(name)
		}
	}
	size = nameSize(b)
	return attributeOf(b[:size]), size
}

// attributeOf knows an attribute by its name.
func attributeOf(name []byte) attribute {
	for a := range names {
		if string(name) == names[a] {
			return attribute(a)
		}
	}
	return otherAttr
}
