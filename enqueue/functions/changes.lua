-- Puts changes of one app on the queue, in order, with order numbers; at most 100.
--
-- KEYS[1]  the queue's list of pending tasks
-- KEYS[2]  the app's last number; without it the first number is given
-- ARGV     the queue's name and the channel of notifications; the first number and Redis's time,
--          in seconds and microseconds, or three empty strings. Then five values for each change:
--          its id without the number; and its message in four parts, which the number, the time
--          and again the number go between
-- Returns  the first number, and Redis's time: seconds, microseconds; then the index, from 0, of
--          each change whose task exists already
--
-- On a Cluster the two keys lie in different slots: there the number is given, from seq.lua.
--
-- A number is made as in seq.lua. It has 16 digits: since the message holds its own length, each
-- number has to have as many. Lua's own formatting, %.14g, would round it: hence string.format. The
-- task's key holds the number, so it can't be among the keys. asynq:queues isn't, either: an ACL
-- file of an earlier release doesn't let scripts declare it. The same goes for the notification:
-- without the right to publish, workers find the tasks later.
local call, format, floor = redis.call, string.format, math.floor
local first, seconds, micros = tonumber(ARGV[3]), ARGV[4], ARGV[5]
local count = (#ARGV - 5) / 5
if count > 100 then -- one script must not hold up the others
  return redis.error_reply('ERR there are ' .. count .. ' changes; it takes at most 100')
end
if KEYS[2] then
  local time = call('TIME')
  seconds, micros = time[1], time[2]
  local now, last = math.max(seconds * 1000000 + micros, 1e15), tonumber(call('GET', KEYS[2]) or '0') or 0
  local newest = redis.pcall('GET', (string.gsub(KEYS[2], ':seq$', ':newest')))
  newest = type(newest) == 'table' and last or tonumber(newest or '0')
  if not (last <= math.max(now + 31.5e12, newest + 5e5)) then
    last = 0
  end
  first = math.max(last + 1, newest + 1, now)
  if first + count - 1 >= 2 ^ 53 then
    return redis.error_reply('ERR order numbers of ' .. KEYS[2] .. ' have reached 2^53; was the clock wrong by centuries?')
  end
  call('SET', KEYS[2], format('%.0f', first + count - 1))
  redis.pcall('SADD', 'asynq:queues', ARGV[1]) -- each time, since Redis may have lost it
end

-- RFC 3339, by the algorithm of days from civil dates: each era has 146,097 days.
local second = seconds % 86400
local days = floor(seconds / 86400) + 719468
local era = floor(days / 146097)
local day = days - era * 146097
local year = floor((day - floor(day / 1460) + floor(day / 36524) - floor(day / 146096)) / 365)
day = day - (365 * year + floor(year / 4) - floor(year / 100))
local month = floor((5 * day + 2) / 153)
day = day - floor((153 * month + 2) / 5) + 1
month = month < 10 and month + 3 or month - 9
year = year + era * 400 + (month <= 2 and 1 or 0)
local fraction = format('%06d', micros)
local at = format('%04d-%02d-%02dT%02d:%02d:%02d.', year, month, day,
  floor(second / 3600), floor(second / 60) % 60, second % 60) .. fraction .. 'Z'
local since = seconds .. fraction .. '000'

local reply = { format('%.0f', first), seconds, micros }
local prefix = 'asynq:{' .. ARGV[1] .. '}:t:'
for i = 0, count - 1 do
  local change = 6 + 5 * i
  local number = format('%.0f', first + i)
  local id = ARGV[change] .. number
  local key = prefix .. id
  if call('EXISTS', key) == 1 then -- only if numbers were lost while tasks were not
    table.insert(reply, i)
  else
    local message = ARGV[change + 1] .. number .. ARGV[change + 2] .. at .. ARGV[change + 3] .. number .. ARGV[change + 4]
    call('HSET', key, 'msg', message, 'state', 'pending', 'pending_since', since)
    call('LPUSH', KEYS[1], id)
  end
end
redis.pcall('PUBLISH', ARGV[2], ARGV[1])
return reply
