-- Finds the apps whose visit is due. Returns {now in ms, number of apps on the agenda, ms of
-- when the index of names was complete or ''}. Then come each app, the ms of its visit and its
-- number of names or '', the longest overdue first.
local visits, complete, named = KEYS[1], KEYS[2], KEYS[3]

local now = integer(now_ms())
local found = {now, integer(redis.call('ZCARD', visits)), redis.call('GET', complete) or ''}
local due = redis.call('ZRANGEBYSCORE', visits, '-inf', now, 'WITHSCORES')
for i = 1, #due, 2 do
  found[#found + 1] = due[i]
  found[#found + 1] = due[i + 1]
  found[#found + 1] = redis.call('HGET', named, due[i]) or ''
end
return found
