-- Gives a lock to one caller in each interval.
-- Returns 1 for that caller, otherwise 0.
local lock = KEYS[1]
local interval = tonumber(ARGV[1]) -- ms

local now = now_ms()
local last = tonumber(redis.call('GET', lock) or '0')
if last <= now and now - last < interval then
  return 0
end
redis.call('SET', lock, integer(now))
return 1
