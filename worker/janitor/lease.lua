-- Gives an active task the lease that asynq gives with each task, if it still has none.
-- Returns 1 if it got one, otherwise 0.
local active, leases, task = KEYS[1], KEYS[2], KEYS[3] -- list, zset by end (s), hash
local id, seconds = ARGV[1], ARGV[2]

if not redis.call('LPOS', active, id) or redis.call('ZSCORE', leases, id)
  or not redis.call('HGET', task, 'msg') then
  return 0
end
redis.call('ZADD', leases, redis.call('TIME')[1] + seconds, id)
return 1
