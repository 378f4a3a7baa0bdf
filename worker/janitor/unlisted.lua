-- Puts tasks that are in none of their queue's lists back: finished ones into the list of their
-- state, all others into the pending tasks. asynq would never hand them out, nor delete them.
--
-- KEYS     the queue's pending, active, scheduled, retried, archived and completed tasks, and leases
-- ARGV     the prefix of tasks' keys, the time in s and in ns; then ids
-- Returns  id and state of each that was put back
--
-- asynq adds to one end of the pending tasks and takes from the other. So those that are there have
-- waited no longer than the one that comes next, and only others have to be looked up in the list,
-- which may be long.
local pending, active, leases = KEYS[1], KEYS[2], KEYS[7]
local sets = { scheduled = KEYS[3], retry = KEYS[4], archived = KEYS[5], completed = KEYS[6] }
local prefix, now, now_ns = ARGV[1], ARGV[2], ARGV[3]
local budget = 1000000 -- elements that are looked at

local oldest
for _, id in ipairs(redis.call('LRANGE', pending, -20, -1)) do
  local key = prefix .. id
  local since = redis.call('TYPE', key).ok == 'hash' and redis.call('HGET', key, 'pending_since')
  oldest = oldest or tonumber(since or nil)
end

local function is_listed(id, state, since)
  local own = sets[state]
  if own and redis.call('ZSCORE', own, id) then
    return true
  end
  if redis.call('LPOS', active, id) then
    return true
  end
  for _, set in pairs(sets) do
    if redis.call('ZSCORE', set, id) then
      return true
    end
  end
  if state == 'pending' and oldest and since and since > oldest then
    return true -- or it is found later
  end
  budget = budget - redis.call('LLEN', pending)
  return budget < 0 or redis.call('LPOS', pending, id)
end

local put_back = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local key = prefix .. id
  local kind = redis.call('TYPE', key).ok
  local state, since = '', nil
  if kind == 'hash' and redis.call('HSTRLEN', key, 'state') <= 20 and redis.call('HSTRLEN', key, 'pending_since') <= 20 then
    state = redis.call('HGET', key, 'state') or ''
    since = tonumber(redis.call('HGET', key, 'pending_since') or nil)
  end
  if kind ~= 'none' and not is_listed(id, state, since) then
    if state == 'archived' or state == 'completed' then
      redis.call('ZADD', sets[state], now, id)
    else
      redis.call('LPUSH', pending, id)
      if kind == 'hash' then
        redis.call('HSET', key, 'state', 'pending', 'pending_since', now_ns)
      end
    end
    redis.call('ZREM', leases, id)
    put_back[#put_back + 1] = id
    put_back[#put_back + 1] = state
  end
end
return put_back
