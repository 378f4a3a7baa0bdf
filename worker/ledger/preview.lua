-- Puts down what a dry run found. Gives the lease back and clears the wake, unless a
-- change that wasn't planned waits, or somebody woke the app since the lease was taken.
-- KEYS: sync pending shown told outbox
-- ARGV: token, names on the list, names that a sync would add and remove ("ADDED
-- REMOVED"), what is told if the app was blocked, then for each change: domain, the
-- change as planned on, the same with its preview
-- Returns "released", "pending" or "lost".
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 'lost'
end
local planned = 0
for i = 5, #ARGV, 3 do
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2])
    planned = planned + 1
  end
end
if redis.call('HDEL', KEYS[1], 'alarm') == 1 then
  tell(KEYS[4], KEYS[5], ARGV[4])
end
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
redis.call('HDEL', KEYS[1], 'fails', 'trouble', 'blocked', 'trouble_since')
redis.call('HSET', KEYS[1], 'dry_run', now .. ' ' .. ARGV[3])
redis.call('HSET', KEYS[3], 'listed', ARGV[2], 'listed_at', now)
redis.call('HINCRBY', KEYS[3], 'revision', 1)
local wake = redis.call('HGET', KEYS[1], 'wake') or '0'
if redis.call('HLEN', KEYS[2]) ~= planned or redis.call('HGET', KEYS[1], 'taken') ~= wake then
  redis.call('HSET', KEYS[1], 'taken', wake)
  return 'pending'
end
redis.call('HDEL', KEYS[1], 'awake', 'token', 'until', 'taken')
return 'released'
