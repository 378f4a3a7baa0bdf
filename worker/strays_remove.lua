-- Takes an id out of a list of asynq's, with its lease and its hash, if what lies
-- under it is still what was found. It leaves the active ones, too: asynq may have
-- handed it out between our looks at those and at the leases, and an id without a
-- hash has asynq's inspector fail for the whole queue.
-- KEYS: list or zset, the id's hash, lease, active
-- ARGV: id; found: 'message' (then the message), 'none' (no message) or 'foreign' (no hash)
-- Returns 1 if it was taken out, else 0.
local kind = redis.call('TYPE', KEYS[2]).ok
local message = kind == 'hash' and redis.call('HGET', KEYS[2], 'msg')
if ARGV[2] == 'message' and message ~= ARGV[3]
  or ARGV[2] == 'none' and (message or kind ~= 'none' and kind ~= 'hash')
  or ARGV[2] == 'foreign' and (kind == 'none' or kind == 'hash') then
  return 0
end
local removed
if redis.call('TYPE', KEYS[1]).ok == 'zset' then
  removed = redis.call('ZREM', KEYS[1], ARGV[1])
else
  removed = redis.call('LREM', KEYS[1], 0, ARGV[1])
end
if removed == 0 then -- asynq moved it meanwhile
  return 0
end
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('LREM', KEYS[4], 0, ARGV[1])
redis.call('DEL', KEYS[2])
return 1
