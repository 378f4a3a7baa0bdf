-- Replaces a record after a verification, if it hasn't changed since.
-- Returns 1, or 0 if it has.
local domains, due, log, last_event, outbox, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local index, latest, expiry, shown, rechecks, renew_by = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local domain, old, new, state = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local due_at, recheck_at = ARGV[5], ARGV[6]                        -- ms; '' for none
local expires_at, renewed_by = ARGV[7], ARGV[8]                    -- s; '' for none
local line, history_kept, event = ARGV[9], ARGV[10], ARGV[11]      -- '' for none

if redis.call('HGET', domains, domain) ~= old then
  return 0
end
redis.call('HSET', domains, domain, new)
set_score(due, domain, due_at)
set_score(rechecks, domain, recheck_at)
set_certificate(expiry, renew_by, domain, expires_at, renewed_by)
-- A domain with a pending change stays in the index as pending until a sync has processed it.
if redis.call('HEXISTS', pending, domain) == 0 then
  set_state(index, latest, shown, domain, state)
end
if line ~= '' then
  push_history(log, line, history_kept)
end
if event ~= '' then
  emit(last_event, outbox, event)
end
return 1
