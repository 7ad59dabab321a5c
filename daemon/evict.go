package daemon

import (
	"slices"
	"time"

	"go.uber.org/zap"
)

// evict makes room for one connection when max_connections are open, by
// closing one that nobody misses: the oldest that has not asked anything yet,
// else one that has been silent for a second or more. Postfix opens a new one
// when it needs it, without any effect on mail; thus idle connections, be
// they ten thousand, lock nobody out. Called with mu held.
func (g *gate) evict() bool {
	if !g.evicts {
		return false
	}
	if g.evictOne() {
		return true
	}
	if g.victims = g.unasked(); len(g.victims) == 0 {
		g.victims = g.silent(time.Now())
	}
	return g.evictOne()
}

func (g *gate) evictOne() bool {
	for n := len(g.victims); n > 0; n = len(g.victims) {
		c := g.victims[n-1]
		g.victims = g.victims[:n-1]
		if _, open := g.conns[c]; !open || !c.evict() {
			continue
		}
		delete(g.conns, c)
		c.Conn.Close()
		g.metrics.refused(g.cfg.Protocol, "evicted")
		g.peers.warn(g.log, "closed an idle connection for a new one: max_connections are open", zap.Int("max_connections", g.cfg.MaxConnections))
		return true
	}
	return false
}

// unasked gives the connections that have not sent a byte, the oldest last.
func (g *gate) unasked() []*conn {
	var list []*conn
	for c := range g.conns {
		if c.state.Load() == fresh {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *conn) int { return int(int64(b.serial - a.serial)) })
	return list
}

// silent gives the connections that have waited for a request since they were
// marked, a second ago or more, and marks the others that wait.
func (g *gate) silent(now time.Time) []*conn {
	if now.Sub(g.swept) < time.Second {
		return nil
	}
	g.swept = now
	var list []*conn
	for c := range g.conns {
		if !c.state.CompareAndSwap(waiting, silent) && c.state.Load() == silent {
			list = append(list, c)
		}
	}
	return list
}
