-- Puts a message into the quarantine, unless it is there already. Drops the oldest if there
-- are too many.
-- Returns how many were dropped.
local order = KEYS[1] -- zset: id, by when it was found (µs)
local kept = KEYS[2]  -- hash: id → message as JSON
local id, message, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])

local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000000 + t[2])
if redis.call('ZADD', order, 'NX', now, id) == 0 then
  return 0
end
redis.call('HSET', kept, id, message)
local dropped = 0
while redis.call('ZCARD', order) > limit do
  local oldest = redis.call('ZRANGE', order, 0, 0)[1]
  redis.call('ZREM', order, oldest)
  redis.call('HDEL', kept, oldest)
  dropped = dropped + 1
end
return dropped
