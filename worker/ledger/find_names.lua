-- Finds the apps that may have some domains.
-- Returns {ms of when the index was complete or '', "DOMAIN APP", …}.
local names, complete = KEYS[1], KEYS[2]

local found = {redis.call('GET', complete) or ''}
for _, domain in ipairs(ARGV) do
  for _, name in ipairs(redis.call('ZRANGEBYLEX', names, '[' .. domain .. ' ', '(' .. domain .. '!')) do
    found[#found + 1] = name
  end
end
return found
