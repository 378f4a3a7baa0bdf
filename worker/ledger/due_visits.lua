-- Finds the apps whose visit is due. Returns {now in ms, number of apps on the agenda, ms of
-- when the indexes of names and of sites were complete or ''}. Then come each app, the ms of its
-- visit and its number of names or '', the longest overdue first.
-- Where the index of names and its numbers differ, one of them was lost. So was the index of sites
-- if it lacks the member that it has since it was complete. Then the script removes both indexes.
local visits, complete, named, names = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local complete_without_sites, sites = KEYS[5], KEYS[6]

local counted = 0
for _, number in ipairs(redis.call('HVALS', named)) do
  counted = counted + (tonumber(number) or 0)
end
local has_sites = not redis.call('GET', complete) or redis.call('ZSCORE', sites, '')
if counted ~= redis.call('ZCARD', names) or not has_sites then
  redis.call('DEL', names, named, complete, complete_without_sites, sites)
end

local now = integer(now_ms())
local completed = redis.call('GET', complete_without_sites) and redis.call('GET', complete)
local found = {now, integer(redis.call('ZCARD', visits)), completed or ''}
local due = redis.call('ZRANGEBYSCORE', visits, '-inf', now, 'WITHSCORES')
for i = 1, #due, 2 do
  found[#found + 1] = due[i]
  found[#found + 1] = due[i + 1]
  found[#found + 1] = redis.call('HGET', named, due[i]) or ''
end
return found
