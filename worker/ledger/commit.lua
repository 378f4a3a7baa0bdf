-- Replaces the records of a plan's outcomes.
-- KEYS: sync domains pending seqs since ours due strangers told outbox, then a log
-- for each outcome
-- ARGV: token, events kept, number of outcomes, names that become ours and names
-- that stop to be (both lists in JSON), what is told if the app was blocked, then
-- for each outcome: domain, order number, record as planned on ("" for none), new
-- record, since ("" for none), due in ms ("" for none), line of history, what is
-- told ("" for nothing)
-- Returns {"lost"}, or {"done", domains whose outcome was not committed…}.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return {'lost'}
end
local result = {'done'}
for i = 1, tonumber(ARGV[3]) do
  local a = 6 + (i - 1) * 8
  local domain, seq, old = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  if redis.call('HGET', KEYS[4], domain) == seq and (redis.call('HGET', KEYS[2], domain) or '') == old then
    redis.call('HSET', KEYS[2], domain, ARGV[a + 4])
    redis.call('HDEL', KEYS[3], domain)
    redis.call('SREM', KEYS[8], domain)
    if ARGV[a + 5] ~= '' then
      redis.call('HSET', KEYS[5], domain, ARGV[a + 5])
    else
      redis.call('HDEL', KEYS[5], domain)
    end
    if ARGV[a + 6] ~= '' then
      redis.call('ZADD', KEYS[7], ARGV[a + 6], domain)
    else
      redis.call('ZREM', KEYS[7], domain)
    end
    redis.call('LPUSH', KEYS[10 + i], ARGV[a + 7])
    redis.call('LTRIM', KEYS[10 + i], 0, tonumber(ARGV[2]) - 1)
    if ARGV[a + 8] ~= '' then
      tell(KEYS[9], KEYS[10], ARGV[a + 8])
    end
  else
    result[#result + 1] = domain
  end
end
for _, name in ipairs(cjson.decode(ARGV[4])) do
  redis.call('SADD', KEYS[6], name)
end
for _, name in ipairs(cjson.decode(ARGV[5])) do
  redis.call('SREM', KEYS[6], name)
end
if redis.call('HDEL', KEYS[1], 'alarm') == 1 then
  tell(KEYS[9], KEYS[10], ARGV[6])
end
redis.call('HDEL', KEYS[1], 'landing', 'claim', 'fails', 'trouble', 'blocked', 'trouble_since')
return result
