-- Reads the summaries of all apps.
-- Returns {now in ms, {changed app, ms of its mark, …}, {app, its summary, …}}.
local changed, summaries = KEYS[1], KEYS[2]

return {integer(now_ms()), redis.call('ZRANGE', changed, 0, -1, 'WITHSCORES'), redis.call('HGETALL', summaries)}
