-- Removes domains that ended, with all that is kept of them. A domain stays if it has changed, or
-- if a plan may still need it. The floor becomes the greatest removed order number. So a change
-- that isn't later is never recorded again.
-- Returns the removed domains.
local domains, pending, seqs, since, owned = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local tombstones, sync, shown, index, latest = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local others = {KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]} -- waiting, due, rechecks, expiry, renew_by
local superseded = KEYS[16]
local first_log = 17 -- a key for each domain
local from = ARGV[1]                                  -- the entry of the index after which the next page begins; '' for none
local interval, tombstone_ttl = tonumber(ARGV[2]), tonumber(ARGV[3]) -- ms: until the next first page
local ended = cjson.decode(ARGV[4])                   -- each with domain, seq and record

local now = now_ms()
local in_flight = {}
for _, name in ipairs(cjson.decode(redis.call('HGET', sync, 'claim') or '[]')) do
  in_flight[name] = true
end
local function is_needed(name)
  local removed_at = tonumber(redis.call('ZSCORE', tombstones, name) or nil)
  return in_flight[name] or redis.call('SISMEMBER', owned, name) == 1 or removed_at and now - removed_at < tombstone_ttl
end
local function has_ended(domain)
  return redis.call('ZSCORE', index, 'removed ' .. domain) or redis.call('ZSCORE', index, 'rejected ' .. domain)
end
-- The removal of a www form counts against additions of its domain that came before.
local function is_form(domain)
  local base = string.match(domain, '^www%.(.+)$')
  return base and redis.call('ZSCORE', index, ' ' .. base)
end

local removed, floor = {}, tonumber(redis.call('HGET', sync, 'floor') or '0')
for i, e in ipairs(ended) do
  local domain = e.domain
  if has_ended(domain) and redis.call('HEXISTS', pending, domain) == 0
      and redis.call('HGET', seqs, domain) == e.seq and redis.call('HGET', domains, domain) == e.record
      and not is_needed(domain) and not is_needed('www.' .. domain) and not is_form(domain) then
    redis.call('HDEL', domains, domain)
    redis.call('HDEL', seqs, domain)
    redis.call('HDEL', since, domain)
    redis.call('HDEL', superseded, domain)
    redis.call('ZREM', index, ' ' .. domain, 'removed ' .. domain, 'rejected ' .. domain)
    redis.call('ZREM', tombstones, domain)
    redis.call('ZREM', latest, domain)
    end_snooze(shown, domain, 'removed')
    for _, zset in ipairs(others) do
      redis.call('ZREM', zset, domain)
    end
    redis.call('DEL', KEYS[first_log + i - 1])
    floor = math.max(floor, tonumber(e.seq))
    removed[#removed + 1] = domain
  end
end
if #removed > 0 then
  redis.call('HSET', sync, 'floor', integer(floor))
  redis.call('HINCRBY', shown, 'revision', 1)
end
if from ~= '' then
  redis.call('HSET', sync, 'prune_from', from)
else
  redis.call('HDEL', sync, 'prune_from')
  redis.call('HSET', sync, 'prune_at', integer(now + interval))
end
return removed
