-- Scans the keys of one Redis server for those of tasks.
--
-- ARGV     the cursor, how many keys to look at, and the longest key (bytes)
-- Returns  the next cursor, and the keys
local reply = redis.call('SCAN', ARGV[1], 'MATCH', 'asynq:{*}:t:*', 'COUNT', ARGV[2])
local keys = {}
for _, key in ipairs(reply[2]) do
  if #key <= tonumber(ARGV[3]) then
    keys[#keys + 1] = key
  end
end
return { reply[1], keys }
