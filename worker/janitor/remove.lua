-- Removes an id from one of asynq's lists, with its lease and its hash, if its value is still
-- the one that was found. It also removes the id from the active list. asynq may have handed it
-- out between the scans of that list and of the leases. An id without a hash makes asynq's
-- inspector fail for the whole queue. Returns 1 if the id was removed, otherwise 0.
local list, task, leases, active = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id = ARGV[1]
local found = ARGV[2]   -- 'message', 'large' (a message), 'none' (no message) or 'other' (no hash)
local message = ARGV[3] -- where found is 'message'; its size in bytes where it is 'large'

local kind = redis.call('TYPE', task).ok
local size = kind == 'hash' and redis.call('HSTRLEN', task, 'msg') or 0
if found == 'message' and (size ~= #message or redis.call('HGET', task, 'msg') ~= message)
  or found == 'large' and tostring(size) ~= message
  or found == 'none' and (size > 0 or kind ~= 'none' and kind ~= 'hash')
  or found == 'other' and (kind == 'none' or kind == 'hash') then
  return 0
end
local removed
if redis.call('TYPE', list).ok == 'zset' then
  removed = redis.call('ZREM', list, id)
else
  removed = redis.call('LREM', list, 0, id)
end
if removed == 0 then -- asynq moved it meanwhile
  return 0
end
redis.call('ZREM', leases, id)
redis.call('LREM', active, 0, id)
redis.call('UNLINK', task)
return 1
