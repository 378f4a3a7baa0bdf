-- Puts one thing into the quarantine, unless the same is there already, and lets
-- the oldest go where it has too many.
-- KEYS: order (zset: id by when, in µs), kept (hash: id, JSON)
-- ARGV: id, JSON, limit
-- Returns whether it is new (1 or 0), and how many were let go.
local t = redis.call('TIME')
if redis.call('ZADD', KEYS[1], 'NX', string.format('%.0f', t[1] * 1000000 + t[2]), ARGV[1]) == 0 then
  return {0, 0}
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local gone = 0
while redis.call('ZCARD', KEYS[1]) > tonumber(ARGV[3]) do
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  redis.call('ZREM', KEYS[1], oldest)
  redis.call('HDEL', KEYS[2], oldest)
  gone = gone + 1
end
return {1, gone}
