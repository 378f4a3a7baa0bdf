-- Takes a block of order numbers for one app.
--
-- KEYS[1]  the app's last number
-- ARGV[1]  how many numbers, from 1
-- Returns  the block's first number, and Redis's time: seconds, microseconds
--
-- A number is Redis's time in microseconds, or the last one plus 1 where that
-- is more: so numbers run on when the clock is set back, and also when Redis
-- lost this key. All have 16 digits; they are about 1.8e15. Lua's doubles hold
-- that exactly, up to 2^53, but its own formatting, %.14g, would round it:
-- hence string.format for each number that leaves the script.
--
-- The newest number is the greatest that a worker has recorded. Only workers
-- write it. A last number far above it that is a year (31.5e12) ahead of the
-- clock was never given, so it doesn't count: workers would refuse the next.
local time = redis.call('TIME')
local now = math.max(tonumber(time[1]) * 1000000 + tonumber(time[2]), 1e15)
local last = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
local newest = redis.pcall('GET', (string.gsub(KEYS[1], ':seq$', ':newest')))
if type(newest) == 'table' then -- an ACL file of an earlier release denies it
  newest = last
end
newest = tonumber(newest or '0')
if not (last <= math.max(now + 31.5e12, newest + 5e5)) then
  last = 0
end

local first = math.max(last + 1, newest + 1, now)
local final = first + (tonumber(ARGV[1]) - 1)
if final >= 2 ^ 53 then
  return redis.error_reply('ERR order numbers of ' .. KEYS[1] .. ' have reached 2^53; was the clock wrong by centuries?')
end

redis.call('SET', KEYS[1], string.format('%.0f', final))
return { string.format('%.0f', first), time[1], time[2] }
