-- Reads an event that is to be sent, and what it would say now. Changes nothing.
-- Returns {the event's line ('' for none), record ('' for none), 1 if a change is pending, time of the
-- last event and now (µs), alarm, trouble, dry_run, lost_told}.
local events, domains, pending, sync, last_event = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local at, domain = ARGV[1], ARGV[2] -- µs; '' for none

local s = redis.call('HMGET', sync, 'alarm', 'trouble', 'dry_run', 'lost_told')
return {redis.call('ZRANGEBYSCORE', events, at, at)[1] or '',
  redis.call('HGET', domains, domain) or '', redis.call('HEXISTS', pending, domain),
  redis.call('GET', last_event) or '0', integer(now_us()), s[1] or '', s[2] or '', s[3] or '', s[4] or ''}
