-- Reads what a plan of an app needs, at one moment, and changes nothing. Of the domains it
-- reads those that are wanted or pending, and those of names that are owned, in flight or
-- passed. Each comes with its www form, or with the domain whose www form it is. All others
-- have ended. If the index doesn't have each domain once, it reads all. Returns the records,
-- the pending changes, the first additions, the owned names, and the tombstones with their
-- times (ms). Then come the names claimed by a write in flight ('' for none), and now (ms).
local domains, pending, since, owned, tombstones = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local sync, index = KEYS[6], KEYS[7]
local page = 1000 -- Lua passes some thousand arguments at most

local names, needed = {}, {}
local function need(name)
  if not needed[name] then
    needed[name] = true
    names[#names + 1] = name
  end
end
local function need_forms(name)
  need(name)
  need(string.match(name, '^www%.(.+)$') or 'www.' .. name)
end

local changes, owns = redis.call('HGETALL', pending), redis.call('SMEMBERS', owned)
local claim = redis.call('HGET', sync, 'claim') or ''
-- Between these bounds are the domains of all states but removed and rejected.
for _, bounds in ipairs({{'[!', '(rejected '}, {'[rejected!', '(removed '}, {'[removed!', '+'}}) do
  for _, member in ipairs(redis.call('ZRANGEBYLEX', index, bounds[1], bounds[2])) do
    need_forms(string.match(member, ' (.*)$'))
  end
end
for i = 1, #changes, 2 do
  need_forms(changes[i])
end
for _, some in ipairs({owns, claim ~= '' and cjson.decode(claim) or {}, ARGV}) do
  for _, name in ipairs(some) do
    need_forms(name)
  end
end

local records, removed, has = {}, {}, {}
for first = 1, #names, page do
  local last = math.min(first + page - 1, #names)
  local found = redis.call('HMGET', domains, unpack(names, first, last))
  local times = redis.call('ZMSCORE', tombstones, unpack(names, first, last))
  for i, record in ipairs(found) do
    local name = names[first + i - 1]
    if record then
      has[name] = true
      records[#records + 1] = name
      records[#records + 1] = record
    end
    if times[i] then
      removed[#removed + 1] = name
      removed[#removed + 1] = times[i]
    end
  end
end
local known = redis.call('HLEN', domains)
for i = 1, #changes, 2 do
  if not has[changes[i]] then
    known = known + 1
  end
end
if redis.call('ZCARD', index) ~= 2 * known then
  records, removed = redis.call('HGETALL', domains), redis.call('ZRANGE', tombstones, 0, -1, 'WITHSCORES')
end
return {records, changes, redis.call('HGETALL', since), owns, removed, claim, integer(now_ms())}
