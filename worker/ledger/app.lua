-- Reads what readers of all apps see of one app, and changes nothing.
-- Returns {now in ms, {fields of the sync hash}, {fields of the hash for readers}, the number of
-- pending changes, {state, its number of domains, …}, when the oldest pending change was recorded
-- (ms), when a domain last changed (ms), the first end of a certificate (s), its domain, the number
-- of certificates that weren't renewed in time, the first end of these (s), its domain, when the
-- next one is late (s), the last write}; '' for none.
-- A dashboard's user may write only these two keys, and a script needs that right for its keys. So
-- the other keys, which are in the same slot, are made from theirs.
local sync, shown = KEYS[1], KEYS[2]
local now = tonumber(ARGV[1])     -- s, of the reader's clock
local assumed = tonumber(ARGV[2]) -- s before its end at which a certificate is late, if it isn't known
local fields = tonumber(ARGV[3])  -- how many follow of the sync hash; the rest is of the other one

local prefix = string.sub(sync, 1, -5)
local index, waiting, latest, expiry, renew_by = prefix .. 'index', prefix .. 'waiting', prefix .. 'latest', prefix .. 'expiry', prefix .. 'renew_by'

local counts = {}
for _, state in ipairs(states) do
  counts[#counts + 1] = state
  counts[#counts + 1] = redis.call('ZLEXCOUNT', index, '[' .. state .. ' ', '[' .. state .. ' \255')
end

local late, late_end, late_domain = 0, nil, ''
local function add_late(domain, ends)
  late = late + 1
  if not late_end or ends < late_end then
    late_end, late_domain = ends, domain
  end
end
for _, domain in ipairs(redis.call('ZRANGEBYSCORE', renew_by, '-inf', now)) do
  local ends = redis.call('ZSCORE', expiry, domain)
  if ends then
    add_late(domain, tonumber(ends))
  end
end
local next_late = tonumber(redis.call('ZRANGEBYSCORE', renew_by, '(' .. integer(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
-- Workers of 0.1.0 write a certificate's end, but not by when it should have been renewed.
if redis.call('ZCARD', expiry) > redis.call('ZCARD', renew_by) then
  local soon = integer(now + assumed)
  local ending = redis.call('ZRANGEBYSCORE', expiry, '-inf', soon, 'WITHSCORES')
  for i = 1, #ending, 2 do
    if not redis.call('ZSCORE', renew_by, ending[i]) then
      add_late(ending[i], tonumber(ending[i + 1]))
    end
  end
  local later = tonumber(redis.call('ZRANGEBYSCORE', expiry, '(' .. soon, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
  if later and (not next_late or later - assumed < next_late) then
    next_late = later - assumed
  end
end

local function at(seconds) return seconds and integer(seconds) or '' end
local oldest = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2]
local changed = redis.call('ZRANGE', latest, -1, -1, 'WITHSCORES')[2]
local ends = redis.call('ZRANGE', expiry, 0, 0, 'WITHSCORES')
return {
  integer(now_ms()), redis.call('HMGET', sync, unpack(ARGV, 4, 3 + fields)), redis.call('HMGET', shown, unpack(ARGV, 4 + fields)),
  redis.call('HLEN', prefix .. 'pending'), counts, oldest or '', changed or '', ends[2] or '', ends[1] or '', late, at(late_end), late_domain, at(next_late),
  redis.call('LINDEX', prefix .. 'writes', 0) or '',
}
