-- Finds the apps whose visit is due. Returns {now in ms, number of apps on the agenda, ms of
-- when the index of names was complete or ''}. Then come each app, the ms of its visit and its
-- number of names or '', the longest overdue first.
-- Where the index of names and its numbers differ, one of them was lost: it removes all of the index.
local visits, complete, named, names = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local complete_without_sites, sites = KEYS[5], KEYS[6]

local counted = 0
for _, number in ipairs(redis.call('HVALS', named)) do
  counted = counted + (tonumber(number) or 0)
end
if counted ~= redis.call('ZCARD', names) then
  redis.call('DEL', names, named, complete, complete_without_sites, sites)
end

local now = integer(now_ms())
local found = {now, integer(redis.call('ZCARD', visits)), redis.call('GET', complete) or ''}
local due = redis.call('ZRANGEBYSCORE', visits, '-inf', now, 'WITHSCORES')
for i = 1, #due, 2 do
  found[#found + 1] = due[i]
  found[#found + 1] = due[i + 1]
  found[#found + 1] = redis.call('HGET', named, due[i]) or ''
end
return found
