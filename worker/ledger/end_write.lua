-- Records that the outcome of the write in flight is certain. Its claimed names are kept
-- until a commit, since it may have taken effect.
-- Returns 1, or 0 if the caller doesn't have the lease.
local sync, writes, shown = KEYS[1], KEYS[2], KEYS[3]
local token = ARGV[1]

if not holds_lease(sync, token) then
  return 0
end
redis.call('HDEL', sync, 'landing')
log_write(shown, writes, token, 'failed')
return 1
