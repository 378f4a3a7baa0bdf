-- Gives the ledger an identity if it has none. If the caller knew another ledger, or a later
-- state of this one, the ledger that it knew is lost. Then the script records the loss and
-- gives the ledger a new identity, by which every other worker detects the loss. The field
-- before has the replaced identities: a caller that knew one of them gets the new identity,
-- and no loss is recorded. The field seen never runs backwards, so an older copy has an
-- earlier one. A caller that knew no ledger doesn't change seen: otherwise other workers
-- would take a copy for current.
-- Returns {identity, time of the loss in ms, or "" if none was recorded, seen in ms}
local ledger = KEYS[1]
local known, known_seen = ARGV[1], ARGV[2] -- identity that the caller knew ('' for none), and its seen (ms)
local allowed = ARGV[3]                    -- how much earlier seen may be without a loss (ms)
local new_id = ARGV[4]                     -- never used before

local stored = redis.call('HMGET', ledger, 'id', 'before', 'lost', 'seen')
local id, before, lost = stored[1], stored[2] or '', stored[3] or ''
local now, seen = now_ms(), tonumber(stored[4] or 0)
if id and known == '' then
  return {id, lost, integer(seen)}
end
local same = known == id and seen >= known_seen - allowed
if id and (same or string.find(' ' .. before .. ' ', ' ' .. known .. ' ', 1, true)) then
  if now > seen then
    seen = now
    redis.call('HSET', ledger, 'seen', integer(seen))
  end
  return {id, lost, integer(seen)}
end
redis.call('HSET', ledger, 'id', new_id, 'created', integer(now), 'seen', integer(now))
if known == '' then
  return {new_id, '', integer(now)}
end
for _, former in ipairs({id or '', known ~= id and known or ''}) do
  if former ~= '' then
    before = before == '' and former or before .. ' ' .. former
  end
end
redis.call('HSET', ledger, 'before', before, 'lost', integer(now))
return {new_id, integer(now), integer(now)}
