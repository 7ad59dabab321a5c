package dnschecks

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/admin/dnschecks/record"
)

// tlsrpt checks the record that says where reports about TLS go. It is no duty.
func (r *run) tlsrpt(ctx context.Context, res *Result) {
	res.Name = "_smtp._tls." + r.domain
	a, err := r.ask(ctx, res.Name, "TXT")
	if err != nil {
		res.unknown(err)
		return
	}
	res.TTL = seconds(a.TTL)
	found := pick(a, record.IsTLSRPT)
	res.Value = strings.Join(found, "\n")
	switch {
	case len(found) == 0:
		res.State = Off
		res.add(Off, "missing", "", "the domain asks for no reports about TLS")
	case len(found) > 1:
		res.add(Warning, "multiple", "leave one record and remove the others", fmt.Sprintf("there are %d records: senders take none of them", len(found)))
	default:
		if _, err := record.ParseTLSRPT(found[0]); err != nil {
			res.add(Warning, "syntax", "correct the record: senders take none of it", err.Error())
		}
	}
}
