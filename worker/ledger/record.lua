-- Records one change and sets the app's wake. From then on the change doesn't need its task.
-- Returns {"recorded"|"again"|"superseded", wake, "start" or ""}. "start": a sync task for
-- this wake must be enqueued.
local seqs, pending, since, sync, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local index, latest, waiting, shown = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local domain, kind, seq = ARGV[1], ARGV[2], ARGV[3] -- 'add' or 'remove', order number
local change, line, history_kept = ARGV[4], ARGV[5], ARGV[6]

-- A change below the floor may be older than one of the same domain that was pruned.
local last = tonumber(redis.call('HGET', seqs, domain) or redis.call('HGET', sync, 'floor') or '0')
local result = 'recorded'
if tonumber(seq) <= last then
  result = tonumber(seq) < last and 'superseded' or 'again'
  if redis.call('HEXISTS', pending, domain) == 0 then
    return {result, '0', ''}
  end
  -- An earlier run of this task may have died before it enqueued the sync, which the
  -- domain's pending change still needs.
else
  redis.call('HSET', seqs, domain, seq)
  redis.call('HSET', pending, domain, change)
  if kind == 'add' then
    redis.call('HSETNX', since, domain, seq)
  else
    redis.call('HDEL', since, domain)
  end
  redis.call('ZADD', waiting, 'NX', now_ms(), domain)
  set_state(index, latest, shown, domain, 'pending')
  push_history(log, line, history_kept)
end
local start = ''
if redis.call('HGET', sync, 'awake') ~= '1' then
  redis.call('HINCRBY', sync, 'wake', 1)
  redis.call('HSET', sync, 'awake', '1')
  start = 'start'
elseif result ~= 'recorded' then
  start = 'start'
end
return {result, redis.call('HGET', sync, 'wake'), start}
