-- Gives the ledger an identity where it has none. If the caller knew another ledger, or
-- this one as it was later, the one it knew is lost: that is noted, and the ledger gets a
-- new identity, so that everybody who knew another one sees it. The field before has the
-- identities that this one takes the place of: who knew one of those learns the new one,
-- and notes nothing. The field seen never runs backwards, so that a copy has an earlier
-- one. A caller that knew no ledger leaves it, or the others would take a copy for current.
-- KEYS: ledger
-- ARGV: identity that the caller knew ("" for none), the seen (ms) that it knew, by how
-- much less of it is no loss (ms), an identity never used before
-- Returns {identity, time of the loss in ms, or "" if none was noted, seen in ms}
local ledger = redis.call('HMGET', KEYS[1], 'id', 'before', 'lost', 'seen')
local id, before, known = ledger[1], ledger[2] or '', ARGV[1]
local t = redis.call('TIME')
local now, seen = t[1] * 1000 + math.floor(t[2] / 1000), tonumber(ledger[4] or 0)
local function ms(number) return string.format('%.0f', number) end
if id and known == '' then
  return {id, ledger[3] or '', ms(seen)}
end
local same = known == id and seen >= ARGV[2] - ARGV[3]
if id and (same or string.find(' ' .. before .. ' ', ' ' .. known .. ' ', 1, true)) then
  if now > seen then
    seen = now
    redis.call('HSET', KEYS[1], 'seen', ms(seen))
  end
  return {id, ledger[3] or '', ms(seen)}
end
redis.call('HSET', KEYS[1], 'id', ARGV[4], 'created', ms(now), 'seen', ms(now))
if known == '' then
  return {ARGV[4], '', ms(now)}
end
for _, former in ipairs({id or '', known ~= id and known or ''}) do
  if former ~= '' then
    before = before == '' and former or before .. ' ' .. former
  end
end
redis.call('HSET', KEYS[1], 'before', before, 'lost', ms(now))
return {ARGV[4], ms(now), ms(now)}
