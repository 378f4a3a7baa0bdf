-- Lists tasks as asynq v0.26's inspector does (its listMessagesCmd and listZSetEntriesCmd), but
-- loads no message or result that is too large.
--
-- KEYS     a list of ids, or a sorted set
-- ARGV     the first and the last index, and the prefix of tasks' keys; then the longest id and the
--          largest message, in bytes
-- Returns  for each task its message, its score if it is in a set, and its result; '' for those that
--          are too large
local first, last, prefix, max_id, max_message = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local ids
local is_set = redis.call('TYPE', KEYS[1]).ok == 'zset'
if is_set then
  ids = redis.call('ZRANGE', KEYS[1], first, last, 'WITHSCORES')
else
  ids = redis.call('LRANGE', KEYS[1], first, last)
end
local function field(key, name)
  if redis.call('HSTRLEN', key, name) > max_message then
    return ''
  end
  return redis.call('HGET', key, name) or ''
end
local found = {}
for i = 1, #ids, is_set and 2 or 1 do
  local id, message, result = ids[i], '', ''
  if #id <= max_id and redis.call('TYPE', prefix .. id).ok == 'hash' then
    message, result = field(prefix .. id, 'msg'), field(prefix .. id, 'result')
  end
  found[#found + 1] = message
  if is_set then
    found[#found + 1] = ids[i + 1]
  end
  found[#found + 1] = result
end
return found
