-- Adds names to the index of names, and those with a site to the index of sites.
-- Returns 1.
local names, named, sites = KEYS[1], KEYS[2], KEYS[3]
local option = ARGV[1] -- 'NX' if the names were read earlier, so that a site in the index is newer; or ''

for i = 2, #ARGV, 3 do
  local domain, app, site = ARGV[i], ARGV[i + 1], ARGV[i + 2] -- '' for no site
  local name = domain .. ' ' .. app
  if redis.call('ZADD', names, 0, name) == 1 then
    redis.call('HINCRBY', named, app, 1)
  end
  if site ~= '' and (option == '' or not redis.call('ZSCORE', sites, name)) then
    redis.call('ZADD', sites, site, name)
  end
end
return 1
