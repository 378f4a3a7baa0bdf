-- Lists the names of queues, of which a producer can have added any number.
--
-- KEYS     the set of names
-- ARGV     how many names to return besides the last argument's, the longest name in bytes, and names
--          that are returned in any case, if they are in the set
-- Returns  the names, some perhaps twice
local most, max_name = tonumber(ARGV[1]), tonumber(ARGV[2])

local names = {}
for name in string.gmatch(ARGV[3], '%S+') do
  if redis.call('SISMEMBER', KEYS[1], name) == 1 then
    names[#names + 1] = name
  end
end
local cursor, others = '0', 0
for _ = 1, 10 do
  local reply = redis.call('SSCAN', KEYS[1], cursor, 'COUNT', 100)
  for _, name in ipairs(reply[2]) do
    if others < most and #name <= max_name then
      names[#names + 1], others = name, others + 1
    end
  end
  cursor = reply[1]
  if cursor == '0' then
    break
  end
end
return names
