-- Takes the app's lease.
-- KEYS: sync shown
-- ARGV: token, lease time in ms
-- Returns {"taken", ms since the app's last commit}, {"inflight", ms to wait}, or
-- {"idle"|"busy"|"paused", 0}.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local s = redis.call('HMGET', KEYS[1], 'awake', 'token', 'until', 'landing', 'wake', 'paused')
if s[1] ~= '1' then
  return {'idle', '0'}
end
if s[6] then
  return {'paused', '0'}
end
if s[2] and tonumber(s[3]) > now then
  return {'busy', '0'}
end
if s[4] and tonumber(s[4]) > now then
  return {'inflight', string.format('%.0f', tonumber(s[4]) - now)}
end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'until', string.format('%.0f', now + ARGV[2]), 'taken', s[5] or '0')
return {'taken', string.format('%.0f', now - (redis.call('HGET', KEYS[2], 'listed_at') or 0))}
