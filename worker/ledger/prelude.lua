-- Precedes every script of the ledger. Times are by Redis's clock.

local function now_us()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Lua would write large numbers with an exponent.
local function integer(number) return string.format('%.0f', number) end

-- The greatest order number that was recorded. Workers of earlier releases don't keep it.
local function newest_number(newest, seqs, sync)
  local kept = tonumber(redis.call('GET', newest) or nil)
  if not kept then
    kept = tonumber(redis.call('HGET', sync, 'floor') or '0')
    for _, seq in ipairs(redis.call('HVALS', seqs)) do
      kept = math.max(kept, tonumber(seq))
    end
    redis.call('SET', newest, integer(kept))
  end
  return kept
end

-- An app's last order number, which a limited user of Redis may set to anything.
local function last_number(counter)
  local last = tonumber(redis.call('GET', counter) or '0') or 0
  return last == last and last or 0 -- not NaN
end

-- The order number that a producer is given where no other was. All have 16 digits.
local function number_time() return math.max(now_us(), 1e15) end

-- The greatest that the last order number may be. Numbers are times in µs, or follow the newest one
-- where the clock was set back. Producers keep half of these margins (seq.lua), so the clock may be
-- set back by a year (31.5e12) while changes wait.
local function greatest_number(newest)
  return math.max(number_time() + 63e12, newest + 1e6)
end

local function holds_lease(sync, token) return redis.call('HGET', sync, 'token') == token end

-- Sets a member's score in a sorted set; '' removes the member.
local function set_score(zset, member, score)
  if score ~= '' then
    redis.call('ZADD', zset, score, member)
  else
    redis.call('ZREM', zset, member)
  end
end

-- Sets when a domain's certificate ends, and by when it should have been renewed, in s; '' for
-- none. Workers of 0.1.0 don't know the second: what they removed is left there, and comes
-- first sooner or later.
local function set_certificate(expiry, renew_by, domain, ends, renewal)
  set_score(expiry, domain, ends)
  set_score(renew_by, domain, renewal)
  local first = redis.call('ZRANGE', renew_by, 0, 0)[1]
  if first and not redis.call('ZSCORE', expiry, first) then
    redis.call('ZREM', renew_by, first)
  end
end

local function push_history(log, line, kept)
  redis.call('LPUSH', log, line)
  redis.call('LTRIM', log, 0, tonumber(kept) - 1)
end

-- Puts an event into the app's outbox, in the same step as the change that it reports. The
-- line is the event's time in µs, a space and the event. No two events have the same time.
-- The events to be sent have the same lines. Those that are three days old aren't sent any more.
local function emit(last_event, outbox, event)
  local events = string.sub(outbox, 1, -7) .. 'events' -- beside 'pilotsync:{APP}:outbox'
  local last = tonumber(redis.call('GET', last_event) or '0')
  local at = math.max(now_us(), last + 1)
  local line = integer(at) .. ' ' .. event
  redis.call('SET', last_event, integer(at))
  redis.call('RPUSH', outbox, line)
  redis.call('ZADD', events, integer(at), line)
  redis.call('ZREMRANGEBYSCORE', events, '-inf', integer(at - 3 * 24 * 3600 * 1000000))
end

-- The codes of a domain that isn't known to work, sorted. The text of its record is searched, and
-- not decoded: JSON escapes quotes within its texts. View.Codes has the same rule.
local function codes_of(state, record)
  local codes, seen = {}, {}
  for code in string.gmatch(record, '"cause":"([^"\\]*)"') do
    if not seen[code] and (state ~= 'done' or code ~= 'Works') then
      seen[code] = true
      codes[#codes + 1] = code
    end
  end
  if #codes == 0 and state ~= 'done' then
    codes[1] = '' -- a record of an earlier release
  end
  table.sort(codes)
  return codes
end

local function is_passing(state)
  return state == 'pending' or state == 'checking-dns' or state == 'checking-ssl-cert'
end

-- Ends the snooze of a domain that got another state or causes. A state that passes, such as that
-- of a running check, doesn't end the snooze of a settled domain: the check may find the same
-- again. One that won't be fixed ends only when the domain works, or is removed. Its key is in the
-- slot of the others.
local function end_snooze(shown, domain, state)
  local prefix = string.sub(shown, 1, -6)
  local text = redis.call('HGET', prefix .. 'snoozed', domain)
  if not text then
    return
  end
  local s, ends = cjson.decode(text), state == 'removed'
  if s.wont_fix then
    ends = ends or state == 'done' and s.state ~= 'done'
  elseif not is_passing(state) or is_passing(s.state) then
    local record = redis.call('HGET', prefix .. 'domains', domain) or ''
    ends = ends or s.state ~= state or s.codes ~= table.concat(codes_of(state, record), ' ')
  end
  if ends then
    redis.call('HDEL', prefix .. 'snoozed', domain)
  end
end

-- Updates the index by which readers and snapshots find domains. It has each domain twice, as "STATE
-- DOMAIN" and as " DOMAIN", in byte order. So domains with the same state or prefix are
-- side by side.
local states = {'pending', 'checking-dns', 'checking-ssl-cert', 'done', 'done-without-ssl', 'failed', 'rejected', 'removed'}
local function set_state(index, latest, shown, domain, state)
  local others = {}
  for _, other in ipairs(states) do
    if other ~= state then
      others[#others + 1] = other .. ' ' .. domain
    end
  end
  redis.call('ZREM', index, unpack(others))
  end_snooze(shown, domain, state)
  redis.call('ZADD', index, 0, ' ' .. domain, 0, state .. ' ' .. domain)
  redis.call('ZADD', latest, now_ms(), domain)
  redis.call('ZREMRANGEBYRANK', latest, 0, -51)
  redis.call('HINCRBY', shown, 'revision', 1)
end

-- Ends a write: moves its changes to the app's last writes, as "NUMBER µs OUTCOME CHANGES".
-- The outcome of a write that began under another token is unknown: its worker died. The action is
-- ServerPilot's for this write, if there is one.
local function log_write(shown, writes, token, outcome, action)
  local write = redis.call('HGET', shown, 'write')
  if not write then
    return
  end
  local by, at, changes = string.match(write, '^(%S+) (%d+) (.*)$')
  if action and action ~= '' then
    changes = string.gsub(changes, '}$', ',"actionid":' .. cjson.encode(action) .. '}')
  end
  local number = redis.call('HINCRBY', shown, 'writes', 1)
  redis.call('LPUSH', writes, string.format('%.0f %s %s %s', number, at, by == token and outcome or 'unknown', changes))
  redis.call('LTRIM', writes, 0, 49)
  redis.call('HDEL', shown, 'write')
end

