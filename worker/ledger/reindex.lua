-- Adds what an app's indexes lack of domains that were read before. It leaves out those that have
-- changed since.
-- Returns how many domains they lacked.
local domains, pending, index, due, rechecks, shown = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]

local lacked = 0
for i = 1, #ARGV, 5 do
  local domain, record, state = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local due_at, recheck_at = ARGV[i + 3], ARGV[i + 4] -- ms; '' for none
  if redis.call('HGET', domains, domain) == record and redis.call('HEXISTS', pending, domain) == 0 then
    local added = redis.call('ZADD', index, 0, ' ' .. domain, 0, state .. ' ' .. domain)
    for _, other in ipairs(states) do
      if other ~= state then
        redis.call('ZREM', index, other .. ' ' .. domain)
      end
    end
    if due_at ~= '' then
      added = added + redis.call('ZADD', due, 'NX', due_at, domain)
    end
    if recheck_at ~= '' then
      added = added + redis.call('ZADD', rechecks, 'NX', recheck_at, domain)
    end
    lacked = lacked + math.min(added, 1)
  end
end
redis.call('HINCRBY', shown, 'revision', lacked)
return lacked
