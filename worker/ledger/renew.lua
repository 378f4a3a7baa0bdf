-- Renews the lease.
-- KEYS: sync
-- ARGV: token, lease time in ms
-- Returns 1, 0 if the lease is another's, or 2 if the app is paused.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 0
end
if redis.call('HEXISTS', KEYS[1], 'paused') == 1 then
  return 2
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[2]))
return 1
