-- Records one change and sets the app's wake, so that from here on the change
-- outlives its task.
-- KEYS: seqs pending since sync log(domain) index latest waiting shown
-- ARGV: domain, "add" or "remove", order number, change, event, events kept
-- Returns {"recorded"|"again"|"superseded", wake, "start" or ""}. "start": a sync
-- task for this wake is to be enqueued.
local domain, kind, seq = ARGV[1], ARGV[2], ARGV[3]
local last = tonumber(redis.call('HGET', KEYS[1], domain) or '0')
local result = 'recorded'
if tonumber(seq) <= last then
  result = tonumber(seq) < last and 'superseded' or 'again'
  if redis.call('HEXISTS', KEYS[2], domain) == 0 then
    return {result, '0', ''}
  end
  -- This task may have been here before and died before it started the sync that
  -- the domain's change still waits for.
else
  redis.call('HSET', KEYS[1], domain, seq)
  redis.call('HSET', KEYS[2], domain, ARGV[4])
  if kind == 'add' then
    redis.call('HSETNX', KEYS[3], domain, seq)
  else
    redis.call('HDEL', KEYS[3], domain)
  end
  local t = redis.call('TIME')
  redis.call('ZADD', KEYS[8], 'NX', t[1] * 1000 + math.floor(t[2] / 1000), domain)
  place(KEYS[6], KEYS[7], KEYS[9], domain, 'pending')
  redis.call('LPUSH', KEYS[5], ARGV[5])
  redis.call('LTRIM', KEYS[5], 0, tonumber(ARGV[6]) - 1)
end
local start = ''
if redis.call('HGET', KEYS[4], 'awake') ~= '1' then
  redis.call('HINCRBY', KEYS[4], 'wake', 1)
  redis.call('HSET', KEYS[4], 'awake', '1')
  start = 'start'
elseif result ~= 'recorded' then
  start = 'start'
end
return {result, redis.call('HGET', KEYS[4], 'wake'), start}
