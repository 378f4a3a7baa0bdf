-- Takes the rechecks that are due, the longest overdue first. Each is due again later, in case
-- its task is lost.
-- Returns {ms of the next recheck or '', domain, its record or '', domain, …}.
local rechecks, domains = KEYS[1], KEYS[2]
local limit, again_after = ARGV[1], ARGV[2] -- number, ms

local now = now_ms()
local taken = {''}
for _, domain in ipairs(redis.call('ZRANGEBYSCORE', rechecks, '-inf', integer(now), 'LIMIT', 0, limit)) do
  redis.call('ZADD', rechecks, integer(now + again_after), domain)
  taken[#taken + 1] = domain
  taken[#taken + 1] = redis.call('HGET', domains, domain) or ''
end
taken[1] = redis.call('ZRANGE', rechecks, 0, 0, 'WITHSCORES')[2] or ''
return taken
