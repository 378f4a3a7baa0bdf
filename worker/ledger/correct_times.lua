-- Limits an app's time limits to the most that they can be by the present clock.
-- Returns 1.
local sync = KEYS[1]
local most_ahead = tonumber(ARGV[1]) -- ms

local most = now_ms() + most_ahead
for _, limit in ipairs({'until', 'landing', 'look_at'}) do
  if tonumber(redis.call('HGET', sync, limit) or '0') > most then
    redis.call('HSET', sync, limit, integer(most))
  end
end
return 1
