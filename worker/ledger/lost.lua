-- Notifies an app once that the ledger was lost.
-- Returns 1, or 0 if it was notified before.
local sync, last_event, outbox = KEYS[1], KEYS[2], KEYS[3]
local identity, event = ARGV[1], ARGV[2] -- of the new ledger; ledger.lost

if redis.call('HGET', sync, 'lost_told') == identity then
  return 0
end
redis.call('HSET', sync, 'lost_told', identity)
emit(last_event, outbox, event)
return 1
