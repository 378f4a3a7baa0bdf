-- Records one change and sets the app's wake. From then on the change doesn't need its task.
-- Returns {"recorded"|"again"|"superseded", wake, "start" or "", "site" or ""}. "start": a sync
-- task for this wake must be enqueued. "site": the index may have the site of a pending change that
-- this one replaced, and this one has none.
-- Or {"unissued", the greatest number that may have been issued, "", ""}, or {"full", "0", "", ""}.
local seqs, pending, since, sync, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local index, latest, waiting, shown = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local newest_key, superseded, counter = KEYS[10], KEYS[11], KEYS[12]
local domain, kind, seq = ARGV[1], ARGV[2], ARGV[3] -- 'add' or 'remove', order number
local change, line, history_kept, most_domains = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])

-- A change below the floor may be older than one of the same domain that was pruned.
local last = tonumber(redis.call('HGET', seqs, domain) or redis.call('HGET', sync, 'floor') or '0')
local result, site = 'recorded', ''
if not string.find(change, '"site_id":', 1, true) and string.find(redis.call('HGET', pending, domain) or '', '"site_id":', 1, true) then
  site = 'site'
end
if tonumber(seq) <= last then
  result = tonumber(seq) < last and 'superseded' or 'again'
  if redis.call('HEXISTS', pending, domain) == 0 then
    return {result, '0', '', ''}
  end
  -- An earlier run of this task may have died before it enqueued the sync, which the
  -- domain's pending change still needs.
else
  -- A number that was issued isn't above the last one. But Redis may have lost that, in a failover
  -- for example. Then the number is a time, by a clock that isn't a day (86.4e9) ahead, or follows
  -- the newest one.
  local newest, last_issued = newest_number(newest_key, seqs, sync), last_number(counter)
  local greatest = math.min(math.max(last_issued, number_time() + 86.4e9, newest + 1e6), greatest_number(newest))
  if tonumber(seq) > greatest then
    return {'unissued', integer(greatest), '', ''}
  end
  if redis.call('HLEN', seqs) >= most_domains and redis.call('HEXISTS', seqs, domain) == 0 then
    return {'full', '0', '', ''}
  end
  if tonumber(seq) > newest then
    redis.call('SET', newest_key, seq)
  end
  -- Later requests get greater numbers, whatever this one is. Without a last number, producers
  -- continue from the newest one.
  if last_issued > 0 and tonumber(seq) > last_issued then
    redis.call('SET', counter, seq)
  end
  redis.call('HDEL', superseded, domain)
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
return {result, redis.call('HGET', sync, 'wake'), start, site}
