package redislimit

import (
	"context"

	"github.com/vmapd/vmapd/lookup/sendlimit"
)

// takeSource judges an order and counts it.
//
// KEYS: epoch, seq, changed, and the counter of each line.
// ARGV: node, epoch, stamp, dry, how many changes are known, prefix; for each
// line: width, span, max, soft, amount, old, bucket and time of old, again, sum, resend,
// number of cells, and bucket and amount of each.
//
// It gives "epoch" or "resend"; or "ok" or "over", the time, and for each line
// whether the soft mark was passed and the hash of the counter.
const takeSource = `
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'epoch'} end
local node, stamp, dry, keep, prefix = ARGV[1], ARGV[3], ARGV[4] == '1', tonumber(ARGV[5]), ARGV[6]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local mine = 'c:' .. node .. ':'
local lines, states, at, over = {}, {}, 7, false

local function arg() at = at + 1; return ARGV[at - 1] end
local function num() return tonumber(arg()) end
local function within(line, bucket) return bucket > line.cur - line.span and bucket < line.cur + line.span end

local function load(key, line)
  local s = {cells = {}, gone = {}, own = 0, sum = 0, reset = 0, set = {}}
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local bucket = string.match(all[i], '^c:.*:(%d+)$')
    if bucket then
      local n = tonumber(all[i + 1])
      if not within(line, tonumber(bucket)) then
        s.gone[#s.gone + 1] = all[i]
      else
        s.sum = s.sum + n
        if string.sub(all[i], 1, #mine) == mine then s.own = s.own + n; s.cells[all[i]] = n end
      end
    elseif all[i] == 'z' then
      s.reset = tonumber(all[i + 1])
    elseif all[i] == 'w' then
      s.warned = within(line, tonumber(all[i + 1]))
    end
  end
  return s
end

local function replace(s, cells, line)
  for name in pairs(s.cells) do if not cells[name] then s.gone[#s.gone + 1] = name end end
  s.sum, s.own, s.cells = s.sum - s.own, 0, cells
  for name, c in pairs(cells) do
    s.set[#s.set + 1] = name
    s.set[#s.set + 1] = c.text
    if within(line, c.bucket) then s.sum = s.sum + c.n; s.own = s.own + c.n end
  end
end

for i = 4, #KEYS do
  local line = {key = KEYS[i], width = num(), span = num(), max = num(), soft = num(), amount = num(), old = num(), oldat = num(), oldtime = num(), again = arg() == '1'}
  line.cur = math.floor(now / line.width)
  local sum, resend, cells = num(), arg() == '1', {}
  for _ = 1, num() do
    local bucket, text = arg(), arg()
    cells[mine .. bucket] = {bucket = tonumber(bucket), n = tonumber(text), text = text}
  end
  local s = states[line.key]
  if not s then
    s = load(line.key, line)
    states[line.key] = s
    if resend then replace(s, cells, line) elseif s.own ~= sum then return {'resend'} end
  end
  if line.oldtime <= s.reset or not within(line, line.oldat) then line.old = 0 end
  if line.amount > line.old and s.sum - line.old + line.amount > line.max then over = true end
  lines[#lines + 1] = line
end

local answer = {over and 'over' or 'ok', now}
for _, line in ipairs(lines) do
  local s, passed, key = states[line.key], 0, line.key
  if not line.again then
    local counts = not over and not dry and (line.amount ~= 0 or line.old ~= 0)
    if #s.gone > 0 then for j = 1, #s.gone, 500 do redis.call('HDEL', key, unpack(s.gone, j, math.min(j + 499, #s.gone))) end end
    if #s.set > 0 then for j = 1, #s.set, 500 do redis.call('HSET', key, unpack(s.set, j, math.min(j + 499, #s.set))) end end
    if counts then
      if line.old ~= 0 then redis.call('HINCRBY', key, mine .. string.format('%.0f', line.oldat), string.format('%.0f', -line.old)) end
      if line.amount ~= 0 then redis.call('HINCRBY', key, mine .. string.format('%.0f', line.cur), string.format('%.0f', line.amount)) end
      local used = s.sum - line.old + line.amount
      if line.soft > 0 and used >= line.soft and not s.warned and line.amount > line.old then
        passed = 1
        redis.call('HSET', key, 'w', string.format('%.0f', line.cur))
      end
    end
    if counts or #s.set > 0 then
      redis.call('HINCRBY', key, 'v', 1)
      redis.call('HSET', key, 's:' .. node, stamp)
      redis.call('PEXPIRE', key, string.format('%.0f', line.width * (line.span + 1)))
      redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[2]), string.sub(key, #prefix + 1))
    end
  end
  answer[#answer + 1] = passed
  answer[#answer + 1] = redis.call('HGETALL', key)
end
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -keep - 1)
return answer
`

// Take implements sendlimit.Shared.
func (r *Redis) Take(ctx context.Context, o *sendlimit.Order) (*sendlimit.Answer, error) {
	keys := r.names("epoch", "seq", "changed")
	args := append(make([]any, 0, 6+11*len(o.Lines)), o.Node, o.Epoch, o.Stamp, o.Dry, r.o.Keep, r.o.Prefix)
	for i := range o.Lines {
		l := &o.Lines[i]
		keys = append(keys, r.o.Prefix+keyName(l.Key))
		width, span := l.Window.Buckets()
		args = append(args, width, span, l.Max, l.Soft, l.Amount, l.Old, l.OldAt, l.OldTime, l.Again, l.Sum, l.Resend, len(l.Own))
		for _, c := range l.Own {
			args = append(args, c.Bucket, c.N)
		}
	}
	a, err := r.run(ctx, "judge a charge", r.take, keys, args)
	if err != nil {
		return nil, err
	}
	return answerOf(a, len(o.Lines))
}

func answerOf(a *reply, lines int) (*sendlimit.Answer, error) {
	word := a.text()
	switch word {
	case "epoch":
		return nil, sendlimit.ErrEpoch
	case "resend":
		return nil, sendlimit.ErrResend
	case "ok", "over":
	default:
		return nil, errReply
	}
	answer := &sendlimit.Answer{OK: word == "ok", Now: a.number()}
	for range lines {
		answer.Passed = append(answer.Passed, a.number() == 1)
		answer.Counts = append(answer.Counts, a.count())
	}
	if a.bad {
		return nil, errReply
	}
	return answer, nil
}
