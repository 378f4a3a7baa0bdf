<?php

declare(strict_types=1);

namespace Pilotsync;

/**
 * The Lua scripts, with the same bytes as the Go program's and asynq's, so that Redis stores each
 * once. Go tests compare them.
 */
final class Scripts
{
    /** enqueue/seq.lua. KEYS: the app's last number. ARGV: the count. Returns the first number and Redis's time. */
    public const SEQ = <<<'LUA'
-- Takes a block of order numbers for one app.
--
-- KEYS[1]  the app's last number
-- ARGV[1]  how many numbers, from 1
-- Returns  the block's first number, and Redis's time: seconds, microseconds
--
-- A number is Redis's time in microseconds, or the last one plus 1 where that
-- is more: so numbers run on when the clock is set back, and also when Redis
-- lost this key. All have 16 digits; they are about 1.8e15. Lua's doubles hold
-- that exactly, up to 2^53, but its own formatting, %.14g, would round it:
-- hence string.format for each number that leaves the script.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('GET', KEYS[1]) or '0')

local first = math.max(last + 1, now, 1e15)
local newest = first + (tonumber(ARGV[1]) - 1)
if newest >= 2 ^ 53 then
  return redis.error_reply('ERR order numbers of ' .. KEYS[1] .. ' have reached 2^53; was the clock wrong by centuries?')
end

redis.call('SET', KEYS[1], string.format('%.0f', newest))
return { string.format('%.0f', first), time[1], time[2] }
LUA . "\n";

    /** asynq v0.26's enqueueCmd. KEYS: task, pending. ARGV: message, id, nanoseconds. Returns 1, or 0 if the id is taken. */
    public const ENQUEUE = "\n" . <<<'LUA'
if redis.call("EXISTS", KEYS[1]) == 1 then
	return 0
end
redis.call("HSET", KEYS[1],
           "msg", ARGV[1],
           "state", "pending",
           "pending_since", ARGV[3])
redis.call("LPUSH", KEYS[2], ARGV[2])
return 1
LUA . "\n";
}
