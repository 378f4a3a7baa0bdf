-- Sets or ends the snooze of a domain.
-- Returns "done"; "changed" if the domain has another record than the caller saw; "full" if the app
-- has too many.
-- A dashboard's user may write only these two keys: see app.lua.
local snoozed, shown = KEYS[1], KEYS[2]
local domain, record, snooze = ARGV[1], ARGV[2], ARGV[3] -- the last is '' to end it
local most = tonumber(ARGV[4])

local prefix = string.sub(snoozed, 1, -8)
if snooze == '' then
  redis.call('HDEL', snoozed, domain)
else
  if redis.call('HGET', prefix .. 'domains', domain) ~= record or redis.call('HEXISTS', prefix .. 'pending', domain) == 1 then
    return 'changed'
  end
  if redis.call('HLEN', snoozed) >= most and redis.call('HEXISTS', snoozed, domain) == 0 then
    return 'full'
  end
  redis.call('HSET', snoozed, domain, snooze)
end
redis.call('HINCRBY', shown, 'revision', 1)
return 'done'
