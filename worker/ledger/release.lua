-- Gives the lease back and clears the wake, if nothing is pending and nobody woke
-- the app since the lease was taken.
-- KEYS: sync pending
-- ARGV: token
-- Returns "released", "pending" or "lost".
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 'lost'
end
local wake = redis.call('HGET', KEYS[1], 'wake') or '0'
if redis.call('HLEN', KEYS[2]) > 0 or redis.call('HGET', KEYS[1], 'taken') ~= wake then
  redis.call('HSET', KEYS[1], 'taken', wake)
  return 'pending'
end
redis.call('HDEL', KEYS[1], 'awake', 'token', 'until', 'taken')
return 'released'
