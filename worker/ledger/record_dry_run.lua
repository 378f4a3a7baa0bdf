-- Records the previews of a dry run. Releases the lease and clears the wake, unless an
-- unplanned change is pending, or the app was woken since the lease was acquired.
-- Returns "released", "pending" or "lost".
local sync, pending, shown, last_event, outbox = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local token, listed, recovered = ARGV[1], ARGV[2], ARGV[3]
local differences = ARGV[4]           -- "ADDED REMOVED": names that a sync would change
local first_change = 5 -- each is JSON: domain, the planned change (old), and the same with its preview (new)

if not holds_lease(sync, token) then
  return 'lost'
end
local planned = 0
for i = first_change, #ARGV do
  local c = cjson.decode(ARGV[i])
  if redis.call('HGET', pending, c.domain) == c.old then
    redis.call('HSET', pending, c.domain, c.new)
    planned = planned + 1
  end
end
if redis.call('HDEL', sync, 'alarm') == 1 then
  emit(last_event, outbox, recovered)
end
local now = integer(now_ms())
redis.call('HDEL', sync, 'fails', 'trouble', 'blocked', 'trouble_since')
redis.call('HSET', sync, 'dry_run', now .. ' ' .. differences)
redis.call('HSET', shown, 'listed', listed, 'listed_at', now)
redis.call('HINCRBY', shown, 'revision', 1)
local wake = redis.call('HGET', sync, 'wake') or '0'
if redis.call('HLEN', pending) ~= planned or redis.call('HGET', sync, 'taken') ~= wake then
  redis.call('HSET', sync, 'taken', wake)
  return 'pending'
end
redis.call('HDEL', sync, 'awake', 'token', 'until', 'taken')
return 'released'
