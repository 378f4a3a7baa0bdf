-- Finds asynq's keys that have the wrong type. One such key stops its queue: each script of asynq
-- that uses it fails.
--
-- KEYS     keys
-- ARGV     'find', or 'drop' to delete those that have the wrong type; then the type of each key:
--          list, set, zset, or number for a string that Redis can count up
-- Returns  index and type of each that has the wrong one; and the indexes of those that exist
local wrong, existing = {}, {}
for i, key in ipairs(KEYS) do
  local want, kind = ARGV[i + 1], redis.call('TYPE', key).ok
  local right = kind == want
  if want == 'number' and kind == 'string' then
    right = redis.call('STRLEN', key) <= 18 and string.find(redis.call('GET', key), '^%-?%d+$') ~= nil
  end
  if kind ~= 'none' then
    existing[#existing + 1] = i
    if not right then
      wrong[#wrong + 1] = tostring(i)
      wrong[#wrong + 1] = kind
      if ARGV[1] == 'drop' then
        redis.call('UNLINK', key)
      end
    end
  end
end
return { wrong, existing }
