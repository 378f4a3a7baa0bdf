-- Marks an app on the agenda, and as changed for readers, before work of it is recorded.
-- Returns 1.
local visits, marks, changed = KEYS[1], KEYS[2], KEYS[3]
local app = ARGV[1]
local at = tonumber(ARGV[2])     -- ms: when the work is due, or '' for grace from now
local grace = tonumber(ARGV[3])  -- ms in which the caller records the work

local now = now_ms()
local visit = math.max(at or now + grace, now)
local planned = redis.call('ZSCORE', visits, app)
if not planned or visit < tonumber(planned) then
  redis.call('ZADD', visits, integer(visit), app)
end
redis.call('HSET', marks, app, integer(now))
redis.call('ZADD', changed, integer(now), app)
return 1
