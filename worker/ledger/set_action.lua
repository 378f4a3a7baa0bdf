-- Records for readers what ServerPilot said of an action, unless an action of a later write is
-- recorded.
-- Returns 1, or 0 if it is.
local shown = KEYS[1]
local action, written = ARGV[1], ARGV[2] -- JSON, ms

local last = string.match(redis.call('HGET', shown, 'action') or '', '^%d+')
if last and tonumber(last) > tonumber(written) then
  return 0
end
redis.call('HSET', shown, 'action', written .. ' ' .. action)
redis.call('HINCRBY', shown, 'revision', 1)
return 1
