-- Makes a new wake for an app whose sync task was lost, so that a task with a new id can be
-- enqueued. Returns the new wake, or 0 if there is nothing to do. Then a lease is held, the app
-- was woken meanwhile, it is paused, or nothing is pending.
local sync, pending = KEYS[1], KEYS[2]
local found = ARGV[1] -- the wake without a live task

local s = redis.call('HMGET', sync, 'wake', 'awake', 'token', 'until', 'paused')
local wake, awake, holder, ends, paused = s[1] or '0', s[2], s[3], s[4], s[5]
if paused or wake ~= found then
  return 0
end
if awake ~= '1' and redis.call('HLEN', pending) == 0 then
  return 0
end
if holder and tonumber(ends) > now_ms() then
  return 0
end
redis.call('HSET', sync, 'awake', '1')
return redis.call('HINCRBY', sync, 'wake', 1)
