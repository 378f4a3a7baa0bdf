-- Removes names of queues that aren't pilotsync's: those that are long or have other characters
-- than printable ASCII, and any beyond a number. Removes a bounded number of them.
--
-- KEYS     the set of names
-- ARGV     how many other names may stay, the longest name (bytes), how many are removed at most;
--          then pilotsync's own names
-- Returns  how many were removed, the beginning of one of them, and whether there are more (1 or 0)
local set = KEYS[1]
local most, longest, budget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local own, present = {}, 0
for i = 4, #ARGV do
  own[ARGV[i]] = true
  present = present + redis.call('SISMEMBER', set, ARGV[i])
end
local removed, example = 0, ''
local function count(name)
  removed, example = removed + 1, string.sub(name, 1, 200)
end

local others = redis.call('SCARD', set) - present
while others > most and removed < budget do
  -- Few at a time: a name can have a megabyte. Random ones: each scan would begin anew.
  for _, name in ipairs(redis.call('SPOP', set, math.min(10, others - most))) do
    if own[name] then
      redis.call('SADD', set, name)
    else
      others = others - 1
      count(name)
    end
  end
end
if others > most then
  return { removed, example, 1 }
end
local cursor = '0'
repeat
  local reply = redis.call('SSCAN', set, cursor, 'COUNT', 10)
  cursor = reply[1]
  for _, name in ipairs(reply[2]) do
    if not own[name] and (#name > longest or string.find(name, '[^ -~]')) and redis.call('SREM', set, name) == 1 then
      count(name)
    end
  end
until cursor == '0'
return { removed, example, 0 }
