-- Reads tasks of a queue, but of a message that is too large to load only the beginning, and of one
-- beyond 1 MiB nothing: Redis would need that memory for the script, too.
--
-- KEYS     the leases of the queue's active tasks
-- ARGV     the prefix of tasks' keys; how much of a message to load, in bytes; then ids
-- Returns  for each id the type of its key, the message's size, the message, and '1' if it has a lease
local leases = KEYS[1]
local prefix, most = ARGV[1], tonumber(ARGV[2])

local found = {}
for i = 3, #ARGV do
  local key = prefix .. ARGV[i]
  local kind, size, message = redis.call('TYPE', key).ok, 0, ''
  if kind == 'hash' then
    size = redis.call('HSTRLEN', key, 'msg')
    if size > 0 and size <= 1048576 then
      message = string.sub(redis.call('HGET', key, 'msg'), 1, most)
    end
  end
  local leased = redis.call('ZSCORE', leases, ARGV[i]) and '1' or ''
  for _, value in ipairs({ kind, tostring(size), message, leased }) do
    found[#found + 1] = value
  end
end
return found
