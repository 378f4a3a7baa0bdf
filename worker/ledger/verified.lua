-- Replaces one record after a verification, if it is still the one that was checked.
-- KEYS: domains due log told outbox pending index latest expiry shown
-- watch
-- ARGV: domain, record as it was, new record, due in ms ("" for none), line of
-- history ("" for none), events kept, what is told ("" for nothing), state, end of the
-- certificate in s ("" for none), next look in ms ("" for none)
-- Returns 1, or 0 if the record is another by now.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
-- A domain whose change waits is found as pending until a sync has dealt with it.
if redis.call('HEXISTS', KEYS[6], ARGV[1]) == 0 then
  place(KEYS[7], KEYS[8], KEYS[10], ARGV[1], ARGV[8])
end
if ARGV[10] ~= '' then
  redis.call('ZADD', KEYS[11], ARGV[10], ARGV[1])
else
  redis.call('ZREM', KEYS[11], ARGV[1])
end
if ARGV[9] ~= '' then
  redis.call('ZADD', KEYS[9], ARGV[9], ARGV[1])
else
  redis.call('ZREM', KEYS[9], ARGV[1])
end
if ARGV[5] ~= '' then
  redis.call('LPUSH', KEYS[3], ARGV[5])
  redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[6]) - 1)
end
if ARGV[7] ~= '' then
  tell(KEYS[4], KEYS[5], ARGV[7])
end
return 1
