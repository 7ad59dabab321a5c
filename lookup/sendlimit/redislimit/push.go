package redislimit

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/lookup/sendlimit"
)

// pushSource takes over what a node has counted.
//
// KEYS: seq, changed, sentences, sentences:v, and the counters.
// ARGV: node, restore, prefix; for each counter: how long it lives in
// milliseconds, stamp, bucket of the soft mark, time of the last reset, number of cells, and name of the
// field, amount and whether it is the node's own of each; then, for each
// sentence: subject, when it was changed, text.
const pushSource = `
local node, restore, prefix, at = ARGV[1], ARGV[2] == '1', ARGV[3], 4
local mine, stampName = 'c:' .. node .. ':', 's:' .. node
local function arg() at = at + 1; return ARGV[at - 1] end

for i = 5, #KEYS do
  local key, life, stamp, warned, reset = KEYS[i], arg(), arg(), arg(), arg()
  local newer = tonumber(redis.call('HGET', key, stampName) or '0') <= tonumber(stamp)
  local had = {}
  if newer then
    for _, name in ipairs(redis.call('HKEYS', key)) do
      if string.sub(name, 1, #mine) == mine then had[name] = true end
    end
    redis.call('HSET', key, stampName, stamp)
  end
  for _ = 1, tonumber(arg()) do
    local name, n, own = arg(), arg(), arg() == '1'
    if own then
      if newer then redis.call('HSET', key, name, n); had[name] = nil end
    elseif restore and redis.call('HEXISTS', key, 's:' .. string.match(name, '^c:(.*):')) == 0 then
      redis.call('HSETNX', key, name, n) -- its owner, who knows best, has not told it
    end
  end
  for name in pairs(had) do redis.call('HDEL', key, name) end
  if tonumber(redis.call('HGET', key, 'w') or '0') < tonumber(warned) then redis.call('HSET', key, 'w', warned) end
  if tonumber(redis.call('HGET', key, 'z') or '0') < tonumber(reset) then redis.call('HSET', key, 'z', reset) end
  if newer or restore then
    redis.call('HINCRBY', key, 'v', 1)
    redis.call('PEXPIRE', key, life)
    redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[1]), string.sub(key, #prefix + 1))
  end
end

local changed = false
while at <= #ARGV do
  local subject, when, text = arg(), arg(), arg()
  local old = redis.call('HGET', KEYS[3], subject)
  if not old or tonumber(string.match(old, '^%d+')) < tonumber(when) then
    redis.call('HSET', KEYS[3], subject, text)
    changed = true
  end
end
if changed then redis.call('INCR', KEYS[4]) end
return {'ok'}
`

// Push implements sendlimit.Shared.
func (r *Redis) Push(ctx context.Context, p *sendlimit.Push) error {
	keys := r.names("seq", "changed", "sentences", "sentences:v")
	args := []any{p.Node, p.Restore, r.o.Prefix}
	for i := range p.Counts {
		c := &p.Counts[i]
		keys = append(keys, r.o.Prefix+keyName(c.Key))
		width, span := c.Window.Buckets()
		args = append(args, width*(span+1), c.Stamp, c.Warned, c.Reset, len(c.Cells))
		for _, cell := range c.Cells {
			args = append(args, fmt.Sprintf("c:%s:%d", cell.Node, cell.Bucket), cell.N, cell.Node == p.Node)
		}
	}
	for i := range p.Sentences {
		s := &p.Sentences[i]
		args = append(args, string(s.Subject.Kind)+s.Subject.Name, s.At, encode(s))
	}
	_, err := r.run(ctx, "tell what was counted", r.push, keys, args)
	return err
}

// encode writes a sentence: when it was changed, since, until, whether it was
// released, whether nobody ordered it, why.
func encode(s *sendlimit.Sentence) string {
	return fmt.Sprintf("%d|%d|%d|%t|%t|%s", s.At, millis(s.Since), millis(s.Until), s.Released, s.Auto, s.Why)
}

// decode is the reverse of encode, with the name of the field.
func decode(subject, text string) (s sendlimit.Sentence, ok bool) {
	part := strings.SplitN(text, "|", 6)
	if len(subject) < 2 || len(part) != 6 {
		return s, false
	}
	var n [3]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(part[i], 10, 64); err != nil {
			return s, false
		}
	}
	s.Subject = sendlimit.Subject{Kind: sendlimit.Kind(subject[0]), Name: subject[1:]}
	s.At, s.Since, s.Until = n[0], fromMillis(n[1]), fromMillis(n[2])
	s.Released, s.Auto, s.Why = part[3] == "true", part[4] == "true", part[5]
	return s, isKind(s.Subject.Kind)
}
