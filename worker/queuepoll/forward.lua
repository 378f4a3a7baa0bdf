-- Forwards delayed tasks that are due as asynq v0.26 does (its forwardCmd), but puts none into a
-- group, since no server handles groups. A key that isn't a task doesn't stop it: the script that
-- takes tasks refuses that one.
--
-- KEYS     the set of delayed tasks, and the queue's pending tasks
-- ARGV     the time in s, the prefix of tasks' keys, and the time in ns
-- Returns  how many were moved, at most 100
local delayed, pending = KEYS[1], KEYS[2]
local now, prefix, now_ns = ARGV[1], ARGV[2], ARGV[3]

local ids = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 100)
for _, id in ipairs(ids) do
  redis.call('LPUSH', pending, id)
  redis.call('ZREM', delayed, id)
  if redis.call('TYPE', prefix .. id).ok == 'hash' then
    redis.call('HSET', prefix .. id, 'state', 'pending', 'pending_since', now_ns)
  end
end
return #ids
