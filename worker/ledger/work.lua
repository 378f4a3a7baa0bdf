-- Reads what of an app waits for a worker, and changes nothing. Returns its wake. Then comes
-- '1' or '' for awake, leased, token (of a lease that may have run out), paused, after a dry
-- run, after one of release 0.1.0, failing. Then (ms or '') when to wake it, and when its first
-- verification and its first recheck are due. Last are the numbers of pending changes, of
-- events in its outbox, and of its domains; '1' or '' for some to prune, and for order numbers to be
-- seen to; and, if ARGV[2] is '1', its domains, each behind a space, and the
-- id of each one's WordPress site or ''. At the end comes '1' or '' for a time limit that is more
-- than ARGV[1] ms ahead, and the same for indexes that lack domains.
local sync, pending, due, rechecks, outbox, old_dry_run, index = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local newest, last = redis.call('GET', KEYS[8]), last_number(KEYS[9])
local domains = KEYS[10]

local function first(zset) return redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')[2] or '' end
local function flag(is) return is and '1' or '' end

local s = redis.call('HMGET', sync, 'wake', 'awake', 'token', 'until', 'paused', 'dry_run', 'trouble', 'look_at', 'prune_at', 'landing')
local ahead = math.max(tonumber(s[4] or '0'), tonumber(s[8] or '0'), tonumber(s[10] or '0')) > now_ms() + tonumber(ARGV[1])
local prune = tonumber(s[9] or '0') <= now_ms()
  and redis.call('ZRANGEBYLEX', index, '[rejected ', '(removed!', 'LIMIT', 0, 1)[1]

-- While nothing is pending, the index has each record, and each domain that hasn't ended has its
-- next verification or recheck. Wildcards need none.
local unindexed = false
if redis.call('HLEN', pending) == 0 then
  local records = redis.call('HLEN', domains)
  local ended = redis.call('ZLEXCOUNT', index, '[rejected ', '(removed!')
  local wildcards = redis.call('ZLEXCOUNT', index, '[ *.', '( *.\255')
  unindexed = redis.call('ZCARD', index) ~= 2 * records
    or redis.call('ZCARD', due) + redis.call('ZCARD', rechecks) < records - ended - wildcards
end

-- JSON escapes quotes within its texts, so only the key itself is found.
local function site_in(hash, domain)
  return string.match(redis.call('HGET', hash, domain) or '', '"site_id":(%d+)')
end
local names, sites = {}, {}
if ARGV[2] == '1' then
  names = redis.call('ZRANGEBYLEX', index, '[ ', '(!')
  for i, name in ipairs(names) do
    local domain = string.sub(name, 2)
    sites[i] = site_in(pending, domain) or site_in(domains, domain) or ''
  end
end
return {
  s[1] or '0', flag(s[2] == '1'), flag(s[3] and tonumber(s[4] or '0') > now_ms()), flag(s[3]), flag(s[5]), flag(s[6]),
  flag(redis.call('EXISTS', old_dry_run) == 1), flag(s[7]), s[8] or '', first(due), first(rechecks),
  integer(redis.call('HLEN', pending)), integer(redis.call('LLEN', outbox)),
  integer(redis.call('ZCARD', index) / 2), flag(prune),
  flag(last ~= 0 and not newest or last > greatest_number(tonumber(newest or '0'))),
  names, sites, flag(ahead), flag(unindexed),
}
