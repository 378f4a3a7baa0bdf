-- Reads what readers of all apps see of one app, and changes nothing.
-- Returns {now in ms, {fields of the sync hash}, {fields of the hash for readers}, the number of
-- pending changes, {state, its number of domains, …}, when the oldest pending change was recorded
-- (ms), when a domain last changed (ms), the first end of a certificate (s), its domain, the number
-- of certificates that weren't renewed in time, the first end of these (s), its domain, when the
-- next one is late or a snooze ends (s), the last write, {cause, state, its number of domains, …}, the
-- same of snoozed domains, {state, its number of snoozed domains, …}, the number of domains whose
-- causes weren't counted}; '' for none.
-- A dashboard's user may write only these two keys, and a script needs that right for its keys. So
-- the other keys, which are in the same slot, are made from theirs.
local sync, shown = KEYS[1], KEYS[2]
local now = tonumber(ARGV[1])     -- s, of the reader's clock
local assumed = tonumber(ARGV[2]) -- s before its end at which a certificate is late, if it isn't known
local fields = tonumber(ARGV[3])  -- how many follow of the sync hash; the rest is of the other one
local most_causes = 2000          -- records that are searched for causes

local prefix = string.sub(sync, 1, -5)
local domains, snoozed = prefix .. 'domains', prefix .. 'snoozed'
local index, waiting, latest, expiry, renew_by = prefix .. 'index', prefix .. 'waiting', prefix .. 'latest', prefix .. 'expiry', prefix .. 'renew_by'

local counts, number_of = {}, {}
for _, state in ipairs(states) do
  number_of[state] = redis.call('ZLEXCOUNT', index, '[' .. state .. ' ', '[' .. state .. ' \255')
  counts[#counts + 1] = state
  counts[#counts + 1] = number_of[state]
end

local snoozes, next_end, now_exact = {}, nil, now_ms()
local entries = redis.call('HGETALL', snoozed)
for i = 1, #entries, 2 do
  snoozes[entries[i]] = cjson.decode(entries[i + 1])
end
local function is_checking(state)
  return state ~= 'pending' and is_passing(state)
end
local function is_snoozed(domain, state, codes)
  local s = snoozes[domain]
  if not s then
    return false
  elseif s.wont_fix then
    return state ~= 'done' or s.state == 'done'
  elseif s.state ~= state and not is_checking(state) or s.codes ~= table.concat(codes, ' ') or s['until'] and s['until'] <= now_exact then
    return false
  end
  if s['until'] and (not next_end or s['until'] < next_end) then
    next_end = s['until']
  end
  return true
end

-- Counts the causes of all domains that aren't known to work. Most are done without a warning.
local causes, snoozed_causes, snoozed_domains, uncounted = {}, {}, {}, 0
local function add(to, code, state, n)
  to[code] = to[code] or {}
  to[code][state] = (to[code][state] or 0) + n
end
local function add_causes(domain, state, record)
  local codes = codes_of(state, record)
  local to = causes
  if is_snoozed(domain, state, codes) then
    to = snoozed_causes
    snoozed_domains[state] = (snoozed_domains[state] or 0) + 1
  end
  for _, code in ipairs(codes) do
    add(to, code, state, 1)
  end
end
for _, state in ipairs({'failed', 'rejected', 'done-without-ssl', 'checking-dns', 'checking-ssl-cert', 'done'}) do
  local n = math.min(number_of[state], most_causes)
  most_causes, uncounted = most_causes - n, uncounted + number_of[state] - n
  for from = 0, n - 1, 100 do
    local names = redis.call('ZRANGEBYLEX', index, '[' .. state .. ' ', '[' .. state .. ' \255', 'LIMIT', from, math.min(100, n - from))
    for i, name in ipairs(names) do
      names[i] = string.sub(name, #state + 2)
    end
    for i, record in ipairs(redis.call('HMGET', domains, unpack(names))) do
      if record and (state ~= 'done' or string.find(record, '"warnings":[', 1, true) or not string.find(record, '"cause":"Works"', 1, true)) then
        add_causes(names[i], state, record)
      end
    end
  end
end
local function flat(counted)
  local list = {}
  for code, by_state in pairs(counted) do
    for state, n in pairs(by_state) do
      list[#list + 1], list[#list + 2], list[#list + 3] = code, state, n
    end
  end
  return list
end
local snoozed_counts = {}
for state, n in pairs(snoozed_domains) do
  snoozed_counts[#snoozed_counts + 1], snoozed_counts[#snoozed_counts + 2] = state, n
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

-- A summary is made again when a snooze has ended.
if next_end and (not next_late or next_end / 1000 < next_late) then
  next_late = math.ceil(next_end / 1000)
end

local function at(seconds) return seconds and integer(seconds) or '' end
local oldest = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2]
local changed = redis.call('ZRANGE', latest, -1, -1, 'WITHSCORES')[2]
local ends = redis.call('ZRANGE', expiry, 0, 0, 'WITHSCORES')
return {
  integer(now_ms()), redis.call('HMGET', sync, unpack(ARGV, 4, 3 + fields)), redis.call('HMGET', shown, unpack(ARGV, 4 + fields)),
  redis.call('HLEN', prefix .. 'pending'), counts, oldest or '', changed or '', ends[2] or '', ends[1] or '', late, at(late_end), late_domain, at(next_late),
  redis.call('LINDEX', prefix .. 'writes', 0) or '',
  flat(causes), flat(snoozed_causes), snoozed_counts, uncounted,
}
