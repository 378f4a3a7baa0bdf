-- Wakes an app for one more sync, whether anything is pending or not. A sync that
-- is under way goes round once more.
-- KEYS: sync
-- Returns the new wake.
redis.call('HSET', KEYS[1], 'awake', '1')
redis.call('HDEL', KEYS[1], 'look_at')
return redis.call('HINCRBY', KEYS[1], 'wake', 1)
