-- Records that the write in flight has taken effect or is lost. What it claimed is kept
-- until a commit: it may have taken effect.
-- Returns 1, or 0 if the lease is another's.
local sync, writes, shown = KEYS[1], KEYS[2], KEYS[3]
local token = ARGV[1]

if not holds_lease(sync, token) then
  return 0
end
redis.call('HDEL', sync, 'landing')
log_write(shown, writes, token, 'failed')
return 1
