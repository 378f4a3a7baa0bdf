-- Gives an active task the lease that asynq gives when it hands a task out, if it
-- still is without one.
-- KEYS: active, lease, the task's hash
-- ARGV: id, lease time in s
-- Returns 1 if it got one, else 0.
if not redis.call('LPOS', KEYS[1], ARGV[1]) or redis.call('ZSCORE', KEYS[2], ARGV[1])
  or not redis.call('HGET', KEYS[3], 'msg') then
  return 0
end
redis.call('ZADD', KEYS[2], redis.call('TIME')[1] + ARGV[2], ARGV[1])
return 1
