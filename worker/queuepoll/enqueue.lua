-- Puts a task on a queue as asynq v0.26 does (its enqueueCmd), and notifies the workers.
--
-- KEYS     the task, and the queue's list of pending tasks
-- ARGV     message, id, time in ns; the channel, or an empty string for none, and the queue's name
-- Returns  1, or 0 if the id is taken
--
-- A user that may not publish still enqueues: workers then find the task by polling.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'msg', ARGV[1], 'state', 'pending', 'pending_since', ARGV[3])
redis.call('LPUSH', KEYS[2], ARGV[2])
if ARGV[4] ~= '' then
  redis.pcall('PUBLISH', ARGV[4], ARGV[5])
end
return 1
