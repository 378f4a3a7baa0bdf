-- Gives the ledger an identity where it has none. If the caller knew another ledger, the
-- one it knew is lost: that is noted, and the ledger gets a new identity, so that
-- everybody who knew another one sees it. The field before has the identities that this
-- one takes the place of: who knew one of those learns the new one, and notes nothing.
-- KEYS: ledger
-- ARGV: identity that the caller knew ("" for none), an identity never used before
-- Returns {identity, time of the loss in ms, or "" if none was noted}
local ledger = redis.call('HMGET', KEYS[1], 'id', 'before', 'lost')
local id, before, known = ledger[1], ledger[2] or '', ARGV[1]
if id and (known == '' or known == id or string.find(' ' .. before .. ' ', ' ' .. known .. ' ', 1, true)) then
  return {id, ledger[3] or ''}
end
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
redis.call('HSET', KEYS[1], 'id', ARGV[2], 'created', now)
if known == '' then
  return {ARGV[2], ''}
end
for _, former in ipairs({id or '', known}) do
  if former ~= '' then
    before = before == '' and former or before .. ' ' .. former
  end
end
redis.call('HSET', KEYS[1], 'before', before, 'lost', now)
return {ARGV[2], now}
