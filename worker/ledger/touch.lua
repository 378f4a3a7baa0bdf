-- Marks an app as changed for readers, before a change that makes no work.
-- Returns 1.
local changed = KEYS[1]
local app = ARGV[1]

redis.call('ZADD', changed, integer(now_ms()), app)
return 1
