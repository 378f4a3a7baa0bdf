-- Notes a change that came after a later one of its domain, unless a later one was noted since or
-- the domain is unknown. It has no effect.
-- Returns 1 if it was noted, otherwise 0.
local superseded, log, index, shown = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local domain, seq, change, line, history_kept = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]

local noted = redis.call('HGET', superseded, domain)
if not redis.call('ZSCORE', index, ' ' .. domain) or noted and cjson.decode(noted).seq >= seq then
  return 0
end
redis.call('HSET', superseded, domain, change)
push_history(log, line, history_kept)
redis.call('HINCRBY', shown, 'revision', 1)
return 1
