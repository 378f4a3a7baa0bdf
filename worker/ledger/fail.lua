-- Releases the lease after a failure, or records a failure of a sync that never had the
-- lease. The wake stays set: the caller must retry the sync.
-- Returns 1, or 0 if the caller doesn't have the lease.
local sync, last_event, outbox, shown = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token = ARGV[1]               -- '' for none
local reason = ARGV[2]              -- '' for none
local blocked, since = ARGV[3], ARGV[4] -- '1' if an operator has to act; ms
local event = ARGV[5]               -- emitted once until the next commit; '' for none

if token ~= '' then
  if not holds_lease(sync, token) then
    return 0
  end
  redis.call('HDEL', sync, 'token', 'until', 'taken')
end
if reason ~= '' then
  redis.call('HINCRBY', sync, 'fails', 1)
  redis.call('HSET', sync, 'trouble', reason, 'blocked', blocked)
  redis.call('HSETNX', sync, 'trouble_since', since)
end
if event ~= '' and redis.call('HSETNX', sync, 'alarm', '1') == 1 then
  emit(last_event, outbox, event)
end
redis.call('HINCRBY', shown, 'revision', 1)
return 1
