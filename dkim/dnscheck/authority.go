package dnscheck

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/vmapd/vmapd/internal/resolve"
)

const (
	maxServers = 32 // addresses that are asked about one zone
	maxChain   = 8  // CNAMEs from zone to zone
)

// ServerAnswer is what one authoritative server said.
type ServerAnswer struct {
	Server  string          // its name, from the NS record
	Address netip.Addr      // the zero value if it has none
	Answer  *resolve.Answer // nil if there was no definite answer from authority
	Err     error           // why not
}

// ServerResult is what one authoritative server shows of a key.
type ServerResult struct {
	Zone    string   `json:"zone"`
	Server  string   `json:"server"`            // its name
	Address string   `json:"address,omitempty"` // "" if it has none
	Code    Code     `json:"code"`
	Works   bool     `json:"works"`
	Detail  string   `json:"detail"`
	CNAME   []string `json:"cname,omitempty"`
	TTL     int      `json:"ttl"` // seconds

	verdict verdict
}

// Authoritative asks all authoritative servers of the zone that holds name for
// its TXT records, past all caches, at all their addresses. The error says why
// the servers could not be found. CNAMEs are returned, not followed.
func (c *Checker) Authoritative(ctx context.Context, name string) (zone string, answers []ServerAnswer, err error) {
	zone, servers, err := c.zone(ctx, name)
	if err != nil {
		return "", nil, err
	}
	answers = c.addresses(ctx, servers)
	answers = answers[:min(len(answers), maxServers)]
	var wg sync.WaitGroup
	for i := range answers {
		a := &answers[i]
		if a.Err != nil {
			continue
		}
		wg.Go(func() {
			a.Answer, a.Err = c.client.Direct(ctx, netip.AddrPortFrom(a.Address, c.port).String(), name, "TXT")
		})
	}
	wg.Wait()
	return zone, answers, nil
}

// zone finds the zone that holds a name, and its servers, by walking up. NS
// records count at the very name alone: where there is a CNAME it leads to
// those of another zone.
func (c *Checker) zone(ctx context.Context, name string) (string, []string, error) {
	for n := name; n != ""; {
		a, err := c.client.Lookup(ctx, n, "NS")
		if err != nil {
			return "", nil, fmt.Errorf("looking for the zone of %s at %s: %w", name, n, err)
		}
		if len(a.CNAME) == 0 && len(a.Records) > 0 {
			servers := slices.Clone(a.Records)
			slices.Sort(servers)
			return n, slices.Compact(servers), nil
		}
		_, n, _ = strings.Cut(n, ".")
	}
	return "", nil, fmt.Errorf("no zone holds %s", name)
}

// addresses finds the addresses of name servers, in order of their names.
func (c *Checker) addresses(ctx context.Context, servers []string) []ServerAnswer {
	found := make([][]ServerAnswer, len(servers))
	var wg sync.WaitGroup
	for i, name := range servers[:min(len(servers), maxServers)] {
		wg.Go(func() {
			var last error
			for _, kind := range []string{"A", "AAAA"} {
				a, err := c.client.Lookup(ctx, name, kind)
				if err != nil {
					last = err
					continue
				}
				for _, text := range a.Records {
					if addr, err := netip.ParseAddr(text); err == nil {
						found[i] = append(found[i], ServerAnswer{Server: name, Address: addr})
					}
				}
			}
			if len(found[i]) == 0 {
				if last == nil {
					last = errors.New("the name server has no address")
				}
				found[i] = []ServerAnswer{{Server: name, Err: last}}
			}
		})
	}
	wg.Wait()
	return slices.Concat(found...)
}

// Everywhere asks all authoritative servers whether they show the key. Works
// is true only if all of them do. A server counts as one, however many
// addresses it has: those that cannot be reached from here do not matter as
// long as one answers and none shows anything else.
func (c *Checker) Everywhere(ctx context.Context, domain, selector string, key crypto.PublicKey) Result {
	r := c.newResult(domain, selector)
	if err := resolve.CheckName(r.Name); err != nil {
		r.set(fault(Syntax, "choose a selector of letters, digits and hyphens", "%v", err))
		return r
	}
	all, err := c.everywhere(ctx, r.Name, key, nil)
	if err != nil {
		r.set(temp(err))
		return r
	}
	r.Servers = all
	worst := sum(all)
	r.CNAME, r.TTL = worst.CNAME, worst.TTL
	v := worst.verdict
	c.seek(ctx, &r, &v)
	if !v.works {
		v.Detail = strings.TrimSpace(worst.Server+" "+worst.Address) + ": " + v.Detail
	} else {
		v.Detail = fmt.Sprintf("%s, on all %d name servers", v.Detail, names(all))
	}
	r.set(v)
	return r
}

// everywhere asks the servers of a name's zone, and where a CNAME leads out of
// it those of the next. chain holds the names that led here.
func (c *Checker) everywhere(ctx context.Context, name string, key crypto.PublicKey, chain []string) ([]ServerResult, error) {
	chain = append(slices.Clone(chain), name)
	zone, answers, err := c.Authoritative(ctx, name)
	if err != nil {
		return nil, err
	}
	var results, beyond []ServerResult
	targets := map[string]ServerResult{} // what the servers behind a CNAME show, summed up
	for _, a := range answers {
		s := ServerResult{Zone: zone, Server: a.Server, CNAME: chain[1:]}
		if a.Address.IsValid() {
			s.Address = a.Address.String()
		}
		switch {
		case a.Err != nil:
			s.set(temp(a.Err))
		case len(a.Answer.CNAME) == 0:
			s.TTL = seconds(a.Answer.TTL)
			s.set(judgeAnswer(a.Answer, key))
		default:
			target := a.Answer.CNAME[0]
			end, ok := targets[target]
			if !ok {
				var more []ServerResult
				more, end = c.follow(ctx, target, key, chain)
				targets[target] = end
				beyond = append(beyond, more...)
			}
			s.CNAME, s.TTL = end.CNAME, seconds(a.Answer.TTL)
			s.set(end.verdict)
		}
		results = append(results, s)
	}
	return append(results, beyond...), nil
}

// follow asks the servers of a CNAME's target, and sums up what they show.
func (c *Checker) follow(ctx context.Context, target string, key crypto.PublicKey, chain []string) ([]ServerResult, ServerResult) {
	end := ServerResult{CNAME: append(slices.Clone(chain[1:]), target)}
	switch {
	case slices.Contains(chain, target):
		end.set(judgeAnswer(&resolve.Answer{Rcode: "NOERROR", Loop: true, CNAME: end.CNAME}, key))
		return nil, end
	case len(chain) > maxChain:
		end.set(fault(NoData, "let the CNAME point to the name that holds the record", "more than %d CNAMEs lead to each other", maxChain))
		return nil, end
	}
	all, err := c.everywhere(ctx, target, key, chain)
	if err != nil {
		end.set(temp(err))
		return nil, end
	}
	end = sum(all)
	return all, end
}

func (s *ServerResult) set(v verdict) {
	s.Code, s.Works, s.Detail, s.verdict = v.Code, v.works, v.Detail, v
}

// sum finds the result that stands for all: one that shows something else,
// else a server that is silent at all its addresses, else any.
func sum(all []ServerResult) ServerResult {
	type server struct{ zone, name string }
	answered := map[server]bool{}
	for _, s := range all {
		if s.Code != Temp {
			answered[server{s.Zone, s.Server}] = true
		}
		if s.Code != Temp && !s.Works {
			return s
		}
	}
	var good ServerResult
	for _, s := range all {
		switch {
		case s.Code == Temp && !answered[server{s.Zone, s.Server}]:
			return s
		case s.Code != Temp && (good.Code == "" || good.Code == OK):
			good = s // one that is doubtful, if there is one
		}
	}
	return good
}

// names counts the servers behind results.
func names(all []ServerResult) int {
	seen := map[string]bool{}
	for _, s := range all {
		seen[s.Zone+" "+s.Server] = true
	}
	return len(seen)
}
