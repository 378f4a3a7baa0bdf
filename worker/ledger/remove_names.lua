-- Removes an app's domains from the index of names, unless a change of the app may be recorded
-- that its caller doesn't know of.
-- Returns 1, or 0 if it removes none.
local names, named, sites, marks = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local app = ARGV[1]
local read_at = tonumber(ARGV[2]) -- ms: when the app had none of the domains; '' if no worker can add one
local grace = tonumber(ARGV[3])   -- ms

if read_at then
  local marked = tonumber(redis.call('HGET', marks, app) or nil)
  -- A recoverer removes a mark after its grace. By half of that the caller is done.
  if marked and marked + grace > read_at or now_ms() - read_at > grace / 2 then
    return 0
  end
end
for i = 4, #ARGV do
  redis.call('ZREM', sites, ARGV[i] .. ' ' .. app)
  if redis.call('ZREM', names, ARGV[i] .. ' ' .. app) == 1 and redis.call('HINCRBY', named, app, -1) <= 0 then
    redis.call('HDEL', named, app)
  end
end
return 1
