package dnscheck

import (
	"context"
	"crypto"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/internal/resolve"
)

// Checker checks keys. Its methods may be called at the same time.
type Checker struct {
	client *resolve.Client
	now    func() time.Time
	port   uint16 // of authoritative servers: 53

	mu   sync.Mutex
	last map[string]Last // the last definite result of each name
}

// Result is what DNS holds for a key.
type Result struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	Name     string `json:"name"` // that was asked

	Code   Code   `json:"code"`
	Works  bool   `json:"works"`            // verifiers that see this can verify; of Temp: they could at Last
	Detail string `json:"detail"`           // a sentence
	Remedy string `json:"remedy,omitempty"` // what to do; "" if nothing
	Record string `json:"record,omitempty"` // as it was found, joined; what cannot be printed as \DDD

	CNAME   []string       `json:"cname,omitempty"`   // the names that CNAMEs led to
	AD      bool           `json:"ad"`                // the resolver validated the answer
	TTL     int            `json:"ttl"`               // seconds
	Servers []ServerResult `json:"servers,omitempty"` // of Everywhere

	Checked time.Time `json:"checked"`
	Last    *Last     `json:"last,omitempty"` // of Temp: the last definite result, if there was one
}

// Last is a definite result of earlier.
type Last struct {
	Code       Code      `json:"code"`
	Works      bool      `json:"works"`
	Checked    time.Time `json:"checked"`
	AgeSeconds int64     `json:"age_seconds"` // at the time of the check that found nothing
}

// New makes a Checker that asks through a client, which others may use too.
func New(client *resolve.Client) *Checker {
	return &Checker{client: client, now: client.Now, port: 53, last: map[string]Last{}}
}

// Check asks the resolvers whether key is published for the selector. An
// answer that was given within its TTL may be given again.
func (c *Checker) Check(ctx context.Context, domain, selector string, key crypto.PublicKey) Result {
	return c.check(ctx, domain, selector, key, false)
}

// Again is Check without answers that were given before.
func (c *Checker) Again(ctx context.Context, domain, selector string, key crypto.PublicKey) Result {
	return c.check(ctx, domain, selector, key, true)
}

func (c *Checker) check(ctx context.Context, domain, selector string, key crypto.PublicKey, fresh bool) Result {
	r := c.newResult(domain, selector)
	if err := resolve.CheckName(r.Name); err != nil {
		r.set(fault(Syntax, "choose a selector of letters, digits and hyphens", "%v", err))
		return c.remember(r, key)
	}
	ask := c.client.Lookup
	if fresh {
		ask = c.client.Fresh
	}
	a, err := ask(ctx, r.Name, "TXT")
	if err != nil {
		r.set(temp(err))
		return c.remember(r, key)
	}
	r.CNAME, r.AD, r.TTL = a.CNAME, a.AD, seconds(a.TTL)
	v := judgeAnswer(a, key)
	c.seek(ctx, &r, &v)
	r.set(v)
	return c.remember(r, key)
}

func (c *Checker) newResult(domain, selector string) Result {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	return Result{Domain: domain, Selector: selector, Name: selector + "._domainkey." + domain, Checked: c.now()}
}

func (r *Result) set(v verdict) {
	r.Code, r.Works, r.Detail, r.Remedy, r.Record = v.Code, v.works, v.Detail, v.Remedy, resolve.Printable(v.record)
}

// judgeAnswer judges a definite answer.
func judgeAnswer(a *resolve.Answer, key crypto.PublicKey) verdict {
	end := ""
	if n := len(a.CNAME); n > 0 {
		end = " " + a.CNAME[n-1] + ", to which a CNAME leads,"
	}
	switch {
	case a.Loop:
		return fault(NoData, "let the CNAME point to the name that holds the record", "the CNAMEs run in a circle: %s", strings.Join(a.CNAME, ", "))
	case a.Rcode == "NXDOMAIN":
		return fault(NXDomain, remedyPublish, "the name%s does not exist", end)
	case len(a.Records) == 0:
		return fault(NoData, remedyPublish, "the name%s has no TXT record", end)
	}
	return judge(a.Records, key)
}

func temp(err error) verdict {
	return fault(Temp, "see whether the DNS servers are up and can be reached", "no definite answer: %v", err)
}

// seek looks for a record that is missing where panels put it by mistake: they
// append the domain to a name that has it already.
func (c *Checker) seek(ctx context.Context, r *Result, v *verdict) {
	if v.Code != NXDomain && v.Code != NoData {
		return
	}
	wrong := r.Name + "." + r.Domain
	if resolve.CheckName(wrong) != nil {
		return
	}
	a, err := c.client.Lookup(ctx, wrong, "TXT")
	if err != nil || len(a.Records) == 0 {
		return
	}
	v.Detail += "; there is a record at " + wrong
	v.Remedy = fmt.Sprintf("the domain was appended twice: enter the name as %s._domainkey, or with a dot at its end", r.Selector)
}

// remember keeps a definite result, or completes one that is not with what was
// found earlier for the same key.
func (c *Checker) remember(r Result, key crypto.PublicKey) Result {
	id := r.Name + " " + dkim.Fingerprint(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Code != Temp {
		c.last[id] = Last{Code: r.Code, Works: r.Works, Checked: r.Checked}
		return r
	}
	if last, ok := c.last[id]; ok {
		last.AgeSeconds = int64(r.Checked.Sub(last.Checked) / time.Second)
		r.Last, r.Works = &last, last.Works
	}
	return r
}

// forget drops what was found before a time: keys that are checked no more.
func (c *Checker) forget(before time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.last, func(_ string, l Last) bool { return l.Checked.Before(before) })
}

func seconds(d time.Duration) int { return int(d / time.Second) }
