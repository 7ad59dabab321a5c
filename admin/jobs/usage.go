package jobs

import (
	"context"
	"fmt"

	"github.com/vmapd/vmapd/admin/manage"
)

// DomainUsage reports how full the mailboxes of each domain are together, and
// how much of its quota that is. It changes nothing: the same figures are in the
// API and on the page.
func DomainUsage() Job {
	return Job{Name: "domain-usage", Text: "Reports how full the mailboxes of each domain are together.", Run: domainUsage}
}

func domainUsage(ctx context.Context, r *Run) error {
	var used int64
	domains := 0
	for {
		var page manage.Page[manage.Domain]
		err := r.Read(ctx, func(t *manage.Tx) (err error) {
			page, err = t.Domains(manage.Query{Offset: domains})
			return err
		})
		if err != nil {
			return err
		}
		for i := range page.Items {
			d := &page.Items[i]
			used += d.Used
			if d.Mailboxes > 0 {
				r.Did("%s", usageLine(d))
			}
		}
		domains += len(page.Items)
		r.Progress(int64(domains), int64(page.Total))
		if len(page.Items) == 0 || domains >= page.Total {
			break
		}
	}
	r.Result("%d MB in %s", used>>20, counted(int64(domains), "domain", "domains"))
	return nil
}

func usageLine(d *manage.Domain) string {
	line := fmt.Sprintf("%s: %d MB in %s", d.Name, d.Used>>20, counted(d.Mailboxes, "mailbox", "mailboxes"))
	if d.Quota == 0 {
		return line
	}
	return fmt.Sprintf("%s, %d %% of %d MB", line, (d.Used>>20)*100/d.Quota, d.Quota)
}
