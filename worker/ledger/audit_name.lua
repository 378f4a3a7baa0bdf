-- Adds the name of a requested change to the index of names, its site to the index of sites, and the
-- request to the audit.
-- A repeated request changes nothing.
-- Returns 1.
local names, named, sites, audit = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local domain, app, seq, request, kept = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local site = ARGV[6] -- '' for none

if redis.call('ZADD', names, 0, domain .. ' ' .. app) == 1 then
  redis.call('HINCRBY', named, app, 1)
end
if site ~= '' then
  redis.call('ZADD', sites, site, domain .. ' ' .. app)
end
redis.call('ZADD', audit, seq, request)
redis.call('ZREMRANGEBYRANK', audit, 0, -kept - 1)
return 1
