-- Finds domains that were removed or rejected long ago, by a page of the index, and changes
-- nothing.
-- Returns {now in ms, the entry of the index after which to continue or '' at the end, domain, its
-- order number, its record, domain, …}.
local index, seqs, domains, sync = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local keep = tonumber(ARGV[1])                        -- ms
local page, limit = tonumber(ARGV[2]), tonumber(ARGV[3]) -- entries, domains

local from = redis.call('HGET', sync, 'prune_from')
local entries = redis.call('ZRANGEBYLEX', index, from and '(' .. from or '[rejected ', '(removed!', 'LIMIT', 0, page)
local found = {integer(now_ms()), ''}
if #entries == 0 then
  return found
end
local names = {}
for i, entry in ipairs(entries) do
  names[i] = string.match(entry, ' (.*)$')
end
local before = now_us() - keep * 1000
for i, number in ipairs(redis.call('HMGET', seqs, unpack(names))) do
  found[2] = entries[i]
  local ended = entries[i] == 'rejected ' .. names[i] or entries[i] == 'removed ' .. names[i]
  if ended and number and tonumber(number) < before then
    found[#found + 1] = names[i]
    found[#found + 1] = number
    found[#found + 1] = redis.call('HGET', domains, names[i]) or ''
    limit = limit - 1
    if limit == 0 then
      return found
    end
  end
end
if #entries < page then
  found[2] = ''
end
return found
