-- Renews the lease and notes a write in flight. What earlier writes claimed stays
-- claimed until a commit: they may have landed.
-- KEYS: sync writes shown
-- ARGV: token, lease time in ms, landing time in ms, claimed names, what the write
-- changes ("" for nothing)
-- Returns 1, or 0 if the lease is another's.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 0
end
local claim, claimed = cjson.decode(redis.call('HGET', KEYS[1], 'claim') or '[]'), {}
for _, name in ipairs(claim) do
  claimed[name] = true
end
for _, name in ipairs(cjson.decode(ARGV[4])) do
  if not claimed[name] then
    claim[#claim + 1] = name
  end
end
wrote(KEYS[3], KEYS[2], ARGV[1], 'unknown')
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1],
  'until', string.format('%.0f', now + ARGV[2]),
  'landing', string.format('%.0f', now + ARGV[3]),
  'claim', #claim > 0 and cjson.encode(claim) or '[]')
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[3], 'write', string.format('%s %.0f %s', ARGV[1], t[1] * 1000000 + t[2], ARGV[5]))
end
return 1
