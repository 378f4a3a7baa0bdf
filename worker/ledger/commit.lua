-- Replaces the records of a plan's outcomes.
-- KEYS: sync domains pending seqs since ours due strangers told outbox index latest
-- waiting expiry writes shown gone watch, then a log for each outcome
-- ARGV: token, events kept, number of outcomes, names that become ours and names
-- that stop to be (both lists in JSON), what is told if the app was blocked, names
-- on the list, names that are gone and that aren't any more (both in JSON), how long
-- in ms, then for each outcome: domain, order number, record as planned on (""
-- for none), new record, since ("" for none), due in ms ("" for none), line of
-- history, what is told ("" for nothing), state, end of the certificate in s ("" for
-- none), next look in ms ("" for none)
-- Returns {"lost"}, or {"done", domains whose outcome was not committed…}.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return {'lost'}
end
local result = {'done'}
for i = 1, tonumber(ARGV[3]) do
  local a = 10 + (i - 1) * 11
  local domain, seq, old = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  if redis.call('HGET', KEYS[4], domain) == seq and (redis.call('HGET', KEYS[2], domain) or '') == old then
    redis.call('HSET', KEYS[2], domain, ARGV[a + 4])
    redis.call('HDEL', KEYS[3], domain)
    redis.call('ZREM', KEYS[13], domain)
    place(KEYS[11], KEYS[12], KEYS[16], domain, ARGV[a + 9])
    if ARGV[a + 11] ~= '' then
      redis.call('ZADD', KEYS[18], ARGV[a + 11], domain)
    else
      redis.call('ZREM', KEYS[18], domain)
    end
    if ARGV[a + 10] ~= '' then
      redis.call('ZADD', KEYS[14], ARGV[a + 10], domain)
    else
      redis.call('ZREM', KEYS[14], domain)
    end
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
    redis.call('LPUSH', KEYS[18 + i], ARGV[a + 7])
    redis.call('LTRIM', KEYS[18 + i], 0, tonumber(ARGV[2]) - 1)
    if ARGV[a + 8] ~= '' then
      tell(KEYS[9], KEYS[10], ARGV[a + 8])
    end
  else
    result[#result + 1] = domain
  end
end
redis.call('DEL', KEYS[8]) -- workers of 0.1.0 keep a note there that nothing reads any more
for _, name in ipairs(cjson.decode(ARGV[4])) do
  redis.call('SADD', KEYS[6], name)
end
for _, name in ipairs(cjson.decode(ARGV[5])) do
  redis.call('SREM', KEYS[6], name)
end
if redis.call('HDEL', KEYS[1], 'alarm') == 1 then
  tell(KEYS[9], KEYS[10], ARGV[6])
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for _, name in ipairs(cjson.decode(ARGV[8])) do
  redis.call('ZADD', KEYS[17], now, name)
end
for _, name in ipairs(cjson.decode(ARGV[9])) do
  redis.call('ZREM', KEYS[17], name)
end
redis.call('ZREMRANGEBYSCORE', KEYS[17], '-inf', string.format('%.0f', now - ARGV[10]))
wrote(KEYS[16], KEYS[15], ARGV[1], 'written')
redis.call('HSET', KEYS[16], 'listed', ARGV[7], 'listed_at', string.format('%.0f', now))
redis.call('HINCRBY', KEYS[16], 'revision', 1)
redis.call('HDEL', KEYS[1], 'landing', 'claim', 'fails', 'trouble', 'blocked', 'trouble_since', 'dry_run')
return result
