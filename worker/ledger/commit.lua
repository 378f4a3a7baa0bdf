-- Replaces the records of a plan's outcomes.
-- Returns {"lost"}, or {"done", domains whose outcome was not committed…}.
local sync, domains, pending, seqs, since = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local owned, due, untracked, last_event, outbox = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local index, latest, waiting, expiry, writes = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local shown, tombstones, rechecks, renew_by = KEYS[16], KEYS[17], KEYS[18], KEYS[19]
local first_log = 20 -- a key for each outcome
local token, history_kept, recovered, listed = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local own, disown = cjson.decode(ARGV[5]), cjson.decode(ARGV[6])
local new_tombstones, cleared, tombstone_ttl = cjson.decode(ARGV[7]), cjson.decode(ARGV[8]), ARGV[9] -- ms
local count = tonumber(ARGV[10])
local action = ARGV[11] -- of the write, at ServerPilot; '' for none
-- Of each outcome two arguments follow. The first is JSON: domain, seq, old and new record, since, due
-- and recheck (ms), expiry and renew_by (s), state and event; '' for none. The second is the history's
-- line, which is binary. All together could be longer than Redis takes of one argument.
local first_outcome = 12

if not holds_lease(sync, token) then
  return {'lost'}
end
local result = {'done'}
for i = 1, count do
  local o, line = cjson.decode(ARGV[first_outcome + 2 * i - 2]), ARGV[first_outcome + 2 * i - 1]
  local domain = o.domain
  if redis.call('HGET', seqs, domain) == o.seq and (redis.call('HGET', domains, domain) or '') == o.old then
    redis.call('HSET', domains, domain, o.new)
    redis.call('HDEL', pending, domain)
    redis.call('ZREM', waiting, domain)
    set_state(index, latest, shown, domain, o.state)
    set_score(rechecks, domain, o.recheck)
    set_certificate(expiry, renew_by, domain, o.expiry, o.renew_by)
    set_score(due, domain, o.due)
    if o.since ~= '' then
      redis.call('HSET', since, domain, o.since)
    else
      redis.call('HDEL', since, domain)
    end
    push_history(KEYS[first_log + i - 1], line, history_kept)
    if o.event ~= '' then
      emit(last_event, outbox, o.event)
    end
  else
    result[#result + 1] = domain
  end
end
redis.call('DEL', untracked) -- workers of 0.1.0 write it; nothing reads it any more
for _, name in ipairs(own) do
  redis.call('SADD', owned, name)
end
for _, name in ipairs(disown) do
  redis.call('SREM', owned, name)
end
if redis.call('HDEL', sync, 'alarm') == 1 then
  emit(last_event, outbox, recovered)
end
local now = now_ms()
for _, name in ipairs(new_tombstones) do
  redis.call('ZADD', tombstones, now, name)
end
for _, name in ipairs(cleared) do
  redis.call('ZREM', tombstones, name)
end
redis.call('ZREMRANGEBYSCORE', tombstones, '-inf', integer(now - tombstone_ttl))
log_write(shown, writes, token, 'written', action)
redis.call('HSET', shown, 'listed', listed, 'listed_at', integer(now))
redis.call('HINCRBY', shown, 'revision', 1)
redis.call('HDEL', sync, 'landing', 'claim', 'fails', 'trouble', 'blocked', 'trouble_since', 'dry_run')
return result
