-- Gives the lease back and clears the wake, if nothing is pending.
-- KEYS: sync pending
-- ARGV: token
-- Returns "released", "pending" or "lost".
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 'lost'
end
if redis.call('HLEN', KEYS[2]) > 0 then
  return 'pending'
end
redis.call('HDEL', KEYS[1], 'awake', 'token', 'until')
return 'released'
