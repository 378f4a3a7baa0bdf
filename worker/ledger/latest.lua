-- Reads the last changed domains of one app, and changes nothing.
-- Returns {{fields of the sync hash}, {domain, when it changed (ms), its record, its pending
-- change}, …}, the newest first; '' for none.
-- The keys that aren't named are made from the first one: see app.lua.
local sync = KEYS[1]
local n = tonumber(ARGV[1]) -- the names of the fields follow

local prefix = string.sub(sync, 1, -5)
local found = {redis.call('HMGET', sync, unpack(ARGV, 2))}
local latest = redis.call('ZREVRANGE', prefix .. 'latest', 0, n - 1, 'WITHSCORES')
for i = 1, #latest, 2 do
  local domain = latest[i]
  found[#found + 1] = {domain, latest[i + 1], redis.call('HGET', prefix .. 'domains', domain) or '', redis.call('HGET', prefix .. 'pending', domain) or ''}
end
return found
