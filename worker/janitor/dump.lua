-- Dumps a key, unless the dump is too large to load.
--
-- KEYS     the key
-- ARGV     how large the dump may be, in bytes
-- Returns  the key's size, estimated, and the dump; '' if there is none
local dump = redis.call('DUMP', KEYS[1])
if not dump then
  return { '0', '' }
end
return { tostring(#dump), #dump <= tonumber(ARGV[1]) and dump or '' }
