-- Reads the whole ledger of an app at one moment, and changes nothing.
-- Returns the hashes of records, pending changes and first additions, the owned names, the
-- tombstones with their times (ms), the names claimed by a write in flight ('' for none), and now
-- (ms).
local domains, pending, since, owned, tombstones, sync = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]

return {
  redis.call('HGETALL', domains), redis.call('HGETALL', pending), redis.call('HGETALL', since),
  redis.call('SMEMBERS', owned), redis.call('ZRANGE', tombstones, 0, -1, 'WITHSCORES'),
  redis.call('HGET', sync, 'claim') or '', integer(now_ms()),
}
