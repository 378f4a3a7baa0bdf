-- Finds the apps whose visit is due. Returns {now in ms, number of apps on the agenda, ms of
-- when the index of names was complete or ''}. Then come each app and the ms of its visit, the
-- longest overdue first.
local visits, complete = KEYS[1], KEYS[2]

local now = integer(now_ms())
local found = redis.call('ZRANGEBYSCORE', visits, '-inf', now, 'WITHSCORES')
table.insert(found, 1, redis.call('GET', complete) or '')
table.insert(found, 1, integer(redis.call('ZCARD', visits)))
table.insert(found, 1, now)
return found
