-- Notes that the write in flight has landed or is lost. What it claimed is kept
-- until a commit: it may have landed.
-- KEYS: sync writes shown
-- ARGV: token
-- Returns 1, or 0 if the lease is another's.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 0
end
redis.call('HDEL', KEYS[1], 'landing')
wrote(KEYS[3], KEYS[2], ARGV[1], 'failed')
return 1
