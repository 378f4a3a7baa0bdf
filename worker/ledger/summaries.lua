-- Reads the summaries of all apps, or those that contain one of some texts.
-- ARGV     the texts; none for all summaries
-- Returns  {now in ms, {changed app, ms of its mark, …}, {app, its summary, …}, how many summaries there are}.
local changed, summaries = KEYS[1], KEYS[2]

local all, found = redis.call('HGETALL', summaries), {}
for i = 1, #all, 2 do
  local matches = #ARGV == 0
  for _, text in ipairs(ARGV) do
    matches = matches or string.find(all[i + 1], text, 1, true)
  end
  if matches then
    found[#found + 1] = all[i]
    found[#found + 1] = all[i + 1]
  end
end
return {integer(now_ms()), redis.call('ZRANGE', changed, 0, -1, 'WITHSCORES'), found, #all / 2}
