-- Reads a page of ids of one of asynq's lists. Removes ids that are too long to be loaded.
--
-- KEYS     the list or sorted set, and the queue's leases and active tasks
-- ARGV     the position from which to read and how many ids; the longest id (bytes), and the prefix
--          of tasks' keys
-- Returns  the position after the page, 0 at the end; the ids; and of each id that was removed its
--          beginning, its length and that of its message
local list, leases, active = KEYS[1], KEYS[2], KEYS[3]
local from, count, max_id, prefix = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local is_set = redis.call('TYPE', list).ok == 'zset'
local all, after = {}, '0'
if is_set then
  local reply = redis.call('ZSCAN', list, from, 'COUNT', count)
  after = reply[1]
  for i = 1, #reply[2], 2 do
    all[#all + 1] = reply[2][i]
  end
else
  all = redis.call('LRANGE', list, from, tonumber(from) + count - 1)
  if #all == count then
    after = tostring(tonumber(from) + count)
  end
end
local ids, removed = {}, {}
for _, id in ipairs(all) do
  if #id <= max_id then
    ids[#ids + 1] = id
  else
    local size = redis.call('TYPE', prefix .. id).ok == 'hash' and redis.call('HSTRLEN', prefix .. id, 'msg') or 0
    redis.call(is_set and 'ZREM' or 'LREM', list, unpack(is_set and { id } or { 0, id }))
    redis.call('ZREM', leases, id)
    redis.call('LREM', active, 0, id)
    redis.call('UNLINK', prefix .. id)
    for _, value in ipairs({ string.sub(id, 1, max_id), tostring(#id), tostring(size) }) do
      removed[#removed + 1] = value
    end
  end
end
return { after, ids, removed }
