-- The beginning of each script that ends a write: it moves the note of what the
-- write changes to the app's last writes, with its number and how it ended. A line is
-- "NUMBER µs OUTCOME CHANGES". How one ended that was begun under another token isn't
-- known: its worker died.
local function wrote(shown, writes, token, outcome)
  local write = redis.call('HGET', shown, 'write')
  if not write then
    return
  end
  local by, at, changes = string.match(write, '^(%S+) (%d+) (.*)$')
  local number = redis.call('HINCRBY', shown, 'writes', 1)
  redis.call('LPUSH', writes, string.format('%.0f %s %s %s', number, at, by == token and outcome or 'unknown', changes))
  redis.call('LTRIM', writes, 0, 49)
  redis.call('HDEL', shown, 'write')
end

