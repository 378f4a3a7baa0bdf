-- Reads the figures of one queue of asynq, and changes nothing.
-- Returns {{the numbers of pending, active, scheduled, retried, archived, completed, processed and
-- failed tasks}, whether the queue is paused (1 or 0), since when the oldest pending task waits (ns,
-- '' for none), an estimate of the tasks' memory in bytes}.
local queue = KEYS[1] -- 'asynq:{NAME}:pending'; all keys of the queue are in its slot
local sample = tonumber(ARGV[1]) -- how many tasks of each list are measured for the memory

local prefix = string.sub(queue, 1, -8)
local lists, zsets = {'pending', 'active'}, {'scheduled', 'retry', 'archived', 'completed'}

local numbers, memory = {}, 0
local function add(name, length, range)
  local key = prefix .. name
  local n = redis.call(length, key)
  numbers[#numbers + 1] = n
  if sample == 0 or n == 0 then
    return
  end
  local measured, bytes = 0, 0
  for _, id in ipairs(redis.call(range, key, 0, sample - 1)) do
    measured, bytes = measured + 1, bytes + (redis.call('MEMORY', 'USAGE', prefix .. 't:' .. id) or 0)
  end
  memory = memory + bytes / measured * n + (redis.call('MEMORY', 'USAGE', key) or 0)
end
for _, name in ipairs(lists) do
  add(name, 'LLEN', 'LRANGE')
end
for _, name in ipairs(zsets) do
  add(name, 'ZCARD', 'ZRANGE')
end

local since = ''
local oldest = redis.call('LINDEX', queue, -1)
if oldest then
  since = redis.call('HGET', prefix .. 't:' .. oldest, 'pending_since') or ''
end
for _, name in ipairs({'processed', 'failed'}) do
  numbers[#numbers + 1] = tonumber(redis.call('GET', prefix .. name) or '0')
end
return {numbers, redis.call('EXISTS', prefix .. 'paused'), since, math.floor(memory)}
