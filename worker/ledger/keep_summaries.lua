-- Replaces summaries of apps whose marks and summaries are still those that the caller saw, and
-- removes these marks.
-- Returns 1.
local changed, summaries = KEYS[1], KEYS[2]

for i = 1, #ARGV, 4 do
  local app, mark, old, new = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3] -- ms or ''; '' for none
  if tonumber(redis.call('ZSCORE', changed, app) or nil) == tonumber(mark) and (redis.call('HGET', summaries, app) or '') == old then
    redis.call('ZREM', changed, app)
    if new ~= '' then
      redis.call('HSET', summaries, app, new)
    else
      redis.call('HDEL', summaries, app)
    end
  end
end
return 1
