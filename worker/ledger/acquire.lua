-- Acquires the app's lease.
-- Returns {"acquired", ms since the app's last commit}, {"inflight", ms to wait}, or
-- {"idle"|"busy"|"paused", 0}.
local sync, shown = KEYS[1], KEYS[2]
local token, ttl, most_landing = ARGV[1], ARGV[2], tonumber(ARGV[3]) -- ms, ms in which a write can take effect

local now = now_ms()
local s = redis.call('HMGET', sync, 'awake', 'token', 'until', 'landing', 'wake', 'paused')
local awake, holder, ends, landing, wake, paused = s[1], s[2], s[3], s[4], s[5], s[6]
if awake ~= '1' then
  return {'idle', '0'}
end
if paused then
  return {'paused', '0'}
end
if holder and tonumber(ends) > now then
  return {'busy', '0'}
end
landing = tonumber(landing or nil)
if landing and landing > now then
  if landing > now + most_landing then -- the clock was set back since
    landing = now + most_landing
    redis.call('HSET', sync, 'landing', integer(landing))
  end
  return {'inflight', integer(landing - now)}
end
redis.call('HSET', sync, 'token', token, 'until', integer(now + ttl), 'taken', wake or '0')
return {'acquired', integer(now - (redis.call('HGET', shown, 'listed_at') or 0))}
