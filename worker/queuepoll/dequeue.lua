-- Takes a task off a queue as asynq v0.26 does (its dequeueCmd), but returns no message that may be
-- too large to load, and none of a key that isn't a task.
--
-- KEYS     the queue's pending tasks, whether it is paused, its active tasks, and their leases
-- ARGV     when the lease ends (s), the prefix of tasks' keys; the longest id and the largest
--          message, in bytes
-- Returns  nothing if no task is pending, or the queue is paused. Otherwise the id, what was found,
--          and a value: 'message', and the message; 'refused', and why, for a task that is active
--          now and has a lease; 'long', and the id's length, for one that was removed. Of a long id
--          it returns the beginning.
local pending, paused, active, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ends, prefix, max_id, max_message = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

if redis.call('EXISTS', paused) == 1 then
  return false
end
for _ = 1, 100 do
  local id = redis.call('RPOPLPUSH', pending, active)
  if not id then
    return false
  end
  local key = prefix .. id
  if #id > max_id then
    redis.call('LPOP', active)
    redis.call('UNLINK', key)
    return { string.sub(id, 1, max_id), 'long', tostring(#id) }
  end
  -- Whoever may write to the list can put an id there twice. While its task runs, the second is
  -- dropped: two runs would end each other.
  if redis.call('ZSCORE', leases, id) and redis.call('LPOS', active, id, 'RANK', 2) then
    redis.call('LPOP', active)
  else
    redis.call('ZADD', leases, ends, id)
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'hash' then
      return { id, 'refused', kind }
    end
    local size = redis.call('HSTRLEN', key, 'msg')
    if size == 0 or size > max_message then
      return { id, 'refused', tostring(size) }
    end
    redis.call('HSET', key, 'state', 'active')
    redis.call('HDEL', key, 'pending_since', 'group', 'unique_key')
    return { id, 'message', redis.call('HGET', key, 'msg') }
  end
end
return false
