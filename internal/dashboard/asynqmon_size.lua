-- Returns how many bytes the messages and results of one page of asynq's tasks have. It finds the
-- tasks as asynq does, and changes nothing.
local tasks = KEYS[1] -- a list or a sorted set of tasks' ids
local size, page = tonumber(ARGV[1]), tonumber(ARGV[2]) -- tasks on a page; the page, from 0
local prefix = ARGV[3] -- of the keys of tasks, which are in the same slot

local ids
if redis.call('TYPE', tasks).ok == 'list' then -- its end is its first page
  ids = redis.call('LRANGE', tasks, -size * (page + 1), -size * page - 1)
else
  ids = redis.call('ZRANGE', tasks, size * page, size * (page + 1) - 1)
end
local bytes = 0
for _, id in ipairs(ids) do
  for _, field in ipairs({'msg', 'result'}) do
    bytes = bytes + redis.call('HSTRLEN', prefix .. id, field)
  end
end
return bytes
