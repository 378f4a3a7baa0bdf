-- The beginning of each script that changes where a domain stands: it keeps what
-- readers find domains by in the same step. An app's index holds each domain twice,
-- as "STATE DOMAIN" and as " DOMAIN", in the order of their bytes: so a state's
-- domains, or those with a common beginning, lie side by side.
local states = {'pending', 'checking-dns', 'checking-ssl-cert', 'done', 'done-without-ssl', 'failed', 'rejected', 'removed'}
local function place(index, latest, shown, domain, state)
  local others = {}
  for _, other in ipairs(states) do
    if other ~= state then
      others[#others + 1] = other .. ' ' .. domain
    end
  end
  redis.call('ZREM', index, unpack(others))
  redis.call('ZADD', index, 0, ' ' .. domain, 0, state .. ' ' .. domain)
  local t = redis.call('TIME')
  redis.call('ZADD', latest, t[1] * 1000 + math.floor(t[2] / 1000), domain)
  redis.call('ZREMRANGEBYRANK', latest, 0, -51)
  redis.call('HINCRBY', shown, 'revision', 1)
end

