-- Renews the lease and records a write in flight. Names that earlier writes claimed stay
-- claimed until a commit, since those writes may have taken effect.
-- Returns 1, or 0 if the caller doesn't have the lease.
local sync, writes, shown = KEYS[1], KEYS[2], KEYS[3]
local token, ttl, landing = ARGV[1], ARGV[2], ARGV[3] -- ms, ms in which the write can take effect
local names = cjson.decode(ARGV[4])                   -- claimed by the write
local changes = ARGV[5]                               -- what the write changes; '' for nothing

if not holds_lease(sync, token) then
  return 0
end
local claim, claimed = cjson.decode(redis.call('HGET', sync, 'claim') or '[]'), {}
for _, name in ipairs(claim) do
  claimed[name] = true
end
for _, name in ipairs(names) do
  if not claimed[name] then
    claim[#claim + 1] = name
  end
end
log_write(shown, writes, token, 'unknown')
local now = now_ms()
redis.call('HSET', sync,
  'until', integer(now + ttl),
  'landing', integer(now + landing),
  'claim', #claim > 0 and cjson.encode(claim) or '[]')
if changes ~= '' then
  redis.call('HSET', shown, 'write', string.format('%s %.0f %s', token, now_us(), changes))
end
return 1
