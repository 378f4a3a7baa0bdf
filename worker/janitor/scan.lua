-- Scans the keys of one Redis server for those of tasks. Removes those of pilotsync's queues whose
-- id is too long to be loaded.
--
-- ARGV     the cursor, how many keys to scan, the longest key, and how much of an id to return
--          (both in bytes); then pilotsync's queues
-- Returns  the next cursor; the keys; and of each that was removed its queue, the beginning of its
--          id, and the id's length
local longest, shown = tonumber(ARGV[3]), tonumber(ARGV[4])
local own = {}
for i = 5, #ARGV do
  own[ARGV[i]] = true
end
local reply = redis.call('SCAN', ARGV[1], 'MATCH', 'asynq:{*}:t:*', 'COUNT', ARGV[2])
local keys, removed = {}, {}
for _, key in ipairs(reply[2]) do
  local queue, id = string.match(key, '^asynq:{([^}]*)}:t:(.*)$')
  if #key <= longest then
    keys[#keys + 1] = key
  elseif own[queue] then
    redis.call('UNLINK', key)
    for _, value in ipairs({ queue, string.sub(id, 1, shown), tostring(#id) }) do
      removed[#removed + 1] = value
    end
  end
end
return { reply[1], keys, removed }
