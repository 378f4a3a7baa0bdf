-- Tells an app's webhook once that the ledger was lost.
-- KEYS: sync told outbox
-- ARGV: the identity of the new ledger, what is told
-- Returns 1, or 0 if it was told before.
if redis.call('HGET', KEYS[1], 'lost_told') == ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'lost_told', ARGV[1])
tell(KEYS[2], KEYS[3], ARGV[2])
return 1
