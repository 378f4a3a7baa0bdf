-- The beginning of each script that tells the outside of something: it puts an
-- event into the app's outbox in the same step as what the event tells of. The
-- line is the event's time, a space and the event. The time is Redis's, in µs, and
-- later than that of each event before.
local function tell(told, outbox, event)
  local t = redis.call('TIME')
  local now = t[1] * 1000000 + t[2]
  local last = tonumber(redis.call('GET', told) or '0')
  local at = string.format('%.0f', math.max(now, last + 1))
  redis.call('SET', told, at)
  redis.call('RPUSH', outbox, at .. ' ' .. event)
end

