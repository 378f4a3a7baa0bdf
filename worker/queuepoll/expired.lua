-- Returns the active tasks whose lease has expired, as asynq v0.26 does (its listLeaseExpiredCmd),
-- but without those that can't be loaded. Removes leases of tasks that aren't active: asynq could
-- never end them.
--
-- KEYS     the leases of a queue's active tasks, and these tasks
-- ARGV     the time in s, the prefix of tasks' keys, the longest id and the largest message, in bytes
-- Returns  id and message of each, at most 200 at once
local leases, active = KEYS[1], KEYS[2]
local now, prefix, max_id, max_message = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 200)) do
  local key = prefix .. id
  if not redis.call('LPOS', active, id) then
    redis.call('ZREM', leases, id)
  elseif #id <= max_id and redis.call('TYPE', key).ok == 'hash' then
    local size = redis.call('HSTRLEN', key, 'msg')
    if size > 0 and size <= max_message then
      found[#found + 1] = id
      found[#found + 1] = redis.call('HGET', key, 'msg')
    end
  end
end
return found
