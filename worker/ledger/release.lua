-- Releases the lease and clears the wake, if nothing is pending and the app wasn't woken
-- since the lease was acquired.
-- Returns "released", "pending" or "lost".
local sync, pending = KEYS[1], KEYS[2]
local token = ARGV[1]

if not holds_lease(sync, token) then
  return 'lost'
end
local wake = redis.call('HGET', sync, 'wake') or '0'
if redis.call('HLEN', pending) > 0 or redis.call('HGET', sync, 'taken') ~= wake then
  redis.call('HSET', sync, 'taken', wake)
  return 'pending'
end
redis.call('HDEL', sync, 'awake', 'token', 'until', 'taken')
return 'released'
