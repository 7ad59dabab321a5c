package redislimit

import (
	"context"
	"time"

	"github.com/vmapd/vmapd/lookup/sendlimit"
)

// syncSource gives what has changed.
//
// KEYS: epoch, nodes, seq, changed, sentences, sentences:v, mark:NODE.
// ARGV: node, epoch, alive, after how many milliseconds a node is gone, the last
// change that is known, the version of sentences that is known, prefix, how many
// counters to give, mark, expected mark, whether
// the node leaves.
//
// It gives: epoch, time, names and times of nodes, the last change that is given,
// whether there are more, names and hashes of counters, version of sentences,
// subjects and texts of sentences.
const syncSource = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local marked = ARGV[10] == '' or redis.call('GET', KEYS[7]) == ARGV[10]
if ARGV[9] ~= '' then redis.call('SET', KEYS[7], ARGV[9], 'EX', 3600) end
if ARGV[2] ~= '' and marked then redis.call('SET', KEYS[1], ARGV[2], 'NX') end
if ARGV[3] == '1' then redis.call('ZADD', KEYS[2], now, ARGV[1]) end
if ARGV[11] == '1' then redis.call('ZREM', KEYS[2], ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', now - tonumber(ARGV[4])))

local seq, page, counts = ARGV[5], tonumber(ARGV[8]), {}
local list = redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. seq, '+inf', 'WITHSCORES', 'LIMIT', 0, page)
for i = 1, #list, 2 do
  local hash = redis.call('HGETALL', ARGV[7] .. list[i])
  if #hash == 0 then
    redis.call('ZREM', KEYS[4], list[i])
  else
    counts[#counts + 1] = list[i]
    counts[#counts + 1] = hash
  end
  seq = list[i + 1]
end

local version, sentences = redis.call('GET', KEYS[6]) or '0', {}
if version ~= ARGV[6] then
  local old = now - 86400000
  local all = redis.call('HGETALL', KEYS[5])
  for i = 1, #all, 2 do
    local at, til, released = string.match(all[i + 1], '^(%d+)|%d+|(%d+)|(%a+)|')
    if at and (released == 'true' and tonumber(at) < old or til ~= '0' and tonumber(til) < old) then
      redis.call('HDEL', KEYS[5], all[i])
    else
      sentences[#sentences + 1] = all[i]
      sentences[#sentences + 1] = all[i + 1]
    end
  end
end
return {marked and redis.call('GET', KEYS[1]) or '', now, redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES'),
  seq, #list / 2 == page and 1 or 0, counts, version, sentences}
`

// Sync implements sendlimit.Shared.
func (r *Redis) Sync(ctx context.Context, h *sendlimit.Hello) (*sendlimit.News, error) {
	keys := r.names("epoch", "nodes", "seq", "changed", "sentences", "sentences:v", "mark:"+h.Node)
	a, err := r.run(ctx, "ask for news", r.sync, keys, []any{h.Node, h.Epoch, h.Alive, h.Gone, h.Seq, h.Sentences, r.o.Prefix, r.o.Page, h.Mark, h.Marked, h.Leaves})
	if err != nil {
		return nil, err
	}
	n := &sendlimit.News{Epoch: a.text(), Now: a.number()}
	for nodes := a.sub(); len(nodes.list) > 0 && !nodes.bad; {
		n.Nodes = append(n.Nodes, sendlimit.Node{Name: nodes.text(), Seen: nodes.number()})
	}
	n.Seq, n.More = a.number(), a.number() == 1
	for counts := a.sub(); len(counts.list) > 0 && !counts.bad; {
		// What a later version says and this one does not know is skipped.
		key, ok := parseKey(counts.text())
		c := counts.count()
		if c.Key = key; ok {
			n.Counts = append(n.Counts, c)
		}
	}
	n.Version = a.number()
	for all := a.sub(); len(all.list) > 0 && !all.bad; {
		if s, ok := decode(all.text(), all.text()); ok {
			n.Sentences = append(n.Sentences, s)
		}
	}
	if a.bad {
		return nil, errReply
	}
	return n, nil
}

// millis is 0 for the zero time, and back.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
