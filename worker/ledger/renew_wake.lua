-- Makes a new wake for an app that has work but nobody at it, so that a new sync
-- task, with a new id, can be enqueued.
-- KEYS: sync pending
-- ARGV: the wake that was found without a live task
-- Returns the new wake, or 0 if there is nothing to do: a lease is held, the app
-- was woken meanwhile, it is paused, or nothing is pending.
local s = redis.call('HMGET', KEYS[1], 'wake', 'awake', 'token', 'until', 'paused')
if s[5] or (s[1] or '0') ~= ARGV[1] then
  return 0
end
if s[2] ~= '1' and redis.call('HLEN', KEYS[2]) == 0 then
  return 0
end
local t = redis.call('TIME')
if s[3] and tonumber(s[4]) > t[1] * 1000 + math.floor(t[2] / 1000) then
  return 0
end
redis.call('HSET', KEYS[1], 'awake', '1')
return redis.call('HINCRBY', KEYS[1], 'wake', 1)
