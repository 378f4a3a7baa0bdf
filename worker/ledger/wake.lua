-- Wakes an app for one more sync, whether a change is pending or not. A running sync
-- plans once more.
-- Returns the new wake.
local sync = KEYS[1]

redis.call('HSET', sync, 'awake', '1')
redis.call('HDEL', sync, 'look_at')
return redis.call('HINCRBY', sync, 'wake', 1)
