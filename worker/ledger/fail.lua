-- Gives the lease back, or notes a trouble of a sync that never got one. The wake
-- stays set: whoever calls this sees to it that a sync is tried again.
-- KEYS: sync told outbox shown
-- ARGV: token ("" for none), reason ("" for none), "1" if a person has to act, time
-- in ms, what is told of it ("" for nothing) unless it was told since the last commit
-- Returns 1, or 0 if the lease is another's.
if ARGV[1] ~= '' then
  if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
    return 0
  end
  redis.call('HDEL', KEYS[1], 'token', 'until', 'taken')
end
if ARGV[2] ~= '' then
  redis.call('HINCRBY', KEYS[1], 'fails', 1)
  redis.call('HSET', KEYS[1], 'trouble', ARGV[2], 'blocked', ARGV[3])
  redis.call('HSETNX', KEYS[1], 'trouble_since', ARGV[4])
end
if ARGV[5] ~= '' and redis.call('HSETNX', KEYS[1], 'alarm', '1') == 1 then
  tell(KEYS[2], KEYS[3], ARGV[5])
end
redis.call('HINCRBY', KEYS[4], 'revision', 1)
return 1
