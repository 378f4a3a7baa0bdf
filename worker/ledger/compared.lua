-- Records that the app's list doesn't differ from the ledger. It isn't a commit, whose time says
-- that the ledger wasn't lost.
-- Returns 1.
local shown = KEYS[1]
local listed = ARGV[1] -- names on the list

redis.call('HSET', shown, 'listed', listed, 'compared_at', integer(now_ms()))
redis.call('HINCRBY', shown, 'revision', 1)
return 1
