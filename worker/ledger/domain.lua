-- Reads one domain, and changes nothing.
-- Returns {now in ms, its record, its pending change, fields of the sync hash…}; '' for none.
local domains, pending, sync = KEYS[1], KEYS[2], KEYS[3]
local domain = ARGV[1] -- the names of the fields follow

local found = {integer(now_ms()), redis.call('HGET', domains, domain) or '', redis.call('HGET', pending, domain) or ''}
for i = 2, #ARGV do
  found[#found + 1] = redis.call('HGET', sync, ARGV[i]) or ''
end
return found
