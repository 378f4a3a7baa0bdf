-- Lets one caller through in each interval, by Redis's clock.
-- KEYS: turn
-- ARGV: interval in ms
-- Returns 1 for the one whose turn it is, else 0.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if last <= now and now - last < tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], string.format('%.0f', now))
return 1
