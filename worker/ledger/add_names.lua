-- Adds names to the index of names.
-- Returns 1.
local names, named = KEYS[1], KEYS[2]

for i = 1, #ARGV, 2 do
  local domain, app = ARGV[i], ARGV[i + 1]
  if redis.call('ZADD', names, 0, domain .. ' ' .. app) == 1 then
    redis.call('HINCRBY', named, app, 1)
  end
end
return 1
