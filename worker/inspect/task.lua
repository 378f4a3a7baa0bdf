-- Reads one task as asynq v0.26's inspector does (its getTaskInfoCmd), but loads no message or
-- result that is too large.
--
-- KEYS     the task
-- ARGV     its id, the time in s, the prefix of the queue's keys, and the largest message, in bytes
-- Returns  message, state, when it is run next (s; 0 for never), and result
local key, id, now, prefix, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

if redis.call('EXISTS', key) == 0 then
  return redis.error_reply('NOT FOUND')
end
local size = redis.call('HSTRLEN', key, 'msg')
if size > most then
  return redis.error_reply('ERR the message of this task has ' .. size .. ' bytes; it takes at most ' .. most)
end
local message, state = unpack(redis.call('HMGET', key, 'msg', 'state'))
local result = redis.call('HSTRLEN', key, 'result') <= most and redis.call('HGET', key, 'result')
local at = 0
if state == 'scheduled' or state == 'retry' then
  at = redis.call('ZSCORE', prefix .. state, id)
elseif state == 'pending' then
  at = now
end
return { message, state, at, result }
