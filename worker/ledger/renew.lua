-- Renews the lease.
-- Returns 1, 0 if the caller doesn't have the lease, or 2 if the app is paused.
local sync = KEYS[1]
local token, ttl = ARGV[1], ARGV[2] -- ms

if not holds_lease(sync, token) then
  return 0
end
if redis.call('HEXISTS', sync, 'paused') == 1 then
  return 2
end
redis.call('HSET', sync, 'until', integer(now_ms() + ttl))
return 1
