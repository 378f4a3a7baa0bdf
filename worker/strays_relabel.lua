-- Replaces a task's message, if it is still the one that was found.
-- KEYS: the task's hash
-- ARGV: message as found, message as it should be
-- Returns 1 if it was replaced, else 0.
if redis.call('HGET', KEYS[1], 'msg') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'msg', ARGV[2])
return 1
