-- Announces that a worker is alive, and removes dead ones.
-- Returns 1.
local workers = KEYS[1] -- hash: id → "ms SERVES"
local id, serves = ARGV[1], ARGV[2]
local dead_after = tonumber(ARGV[3]) -- ms of silence

local now = now_ms()
redis.call('HSET', workers, id, integer(now) .. ' ' .. serves)
local all = redis.call('HGETALL', workers)
for i = 1, #all, 2 do
  local seen = tonumber(string.match(all[i + 1], '^(%d+) ') or '0')
  if math.abs(now - seen) > dead_after then -- the clock may have been set back
    redis.call('HDEL', workers, all[i])
  end
end
return 1
