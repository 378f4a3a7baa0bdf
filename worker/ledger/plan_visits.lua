-- Plans the next visit of apps whose work was read. A visit that others planned meanwhile is
-- only moved to an earlier time. An app that was marked less than the grace before its work was
-- read is visited again at the end of the grace. That work may not have been recorded yet.
-- Returns 1.
local visits, marks = KEYS[1], KEYS[2]
local read_at, grace = tonumber(ARGV[1]), tonumber(ARGV[2]) -- ms: when the first app was read

for i = 3, #ARGV, 3 do
  local app, seen, visit = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]) -- ms or ''; '' for never
  local planned = tonumber(redis.call('ZSCORE', visits, app) or nil)
  if planned == seen then
    local marked = tonumber(redis.call('HGET', marks, app) or nil)
    if marked and marked + grace > read_at then
      visit = math.min(visit or marked + grace, marked + grace)
    elseif marked then
      redis.call('HDEL', marks, app)
    end
    planned = nil
    if not visit then
      redis.call('ZREM', visits, app)
    end
  end
  if visit and (not planned or visit < planned) then
    redis.call('ZADD', visits, integer(visit), app)
  end
end
return 1
