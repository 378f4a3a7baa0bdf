-- Sees to an app's order numbers: keeps the newest one, and lowers a last number that no producer
-- can have been given.
-- Returns the last number as it was if it was too great, otherwise ''.
local seqs, sync, newest_key, counter = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local newest = newest_number(newest_key, seqs, sync)
if last_number(counter) <= greatest_number(newest) then
  return ''
end
local raised = redis.call('GET', counter)
redis.call('SET', counter, integer(math.max(newest, number_time())))
return raised
