-- Replaces a task's message, if it is still the one that was found.
-- Returns 1 if it was replaced, otherwise 0.
local task = KEYS[1] -- hash
local found, relabelled = ARGV[1], ARGV[2]

if redis.call('HGET', task, 'msg') ~= found then
  return 0
end
redis.call('HSET', task, 'msg', relabelled)
return 1
