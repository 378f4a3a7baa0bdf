-- Reads whether one of asynq's queues has tasks.
--
-- KEYS     the queue's list of pending tasks, and its sets of scheduled tasks and of retries
-- Returns  how many tasks are pending; then, for each set, when its first task is due, in seconds
--          since 1970, or an empty string
local function first_due(key)
  return redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or ''
end
return { redis.call('LLEN', KEYS[1]), first_due(KEYS[2]), first_due(KEYS[3]) }
