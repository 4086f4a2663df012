#!lua flags=allow-oom
-- Removes the counters of days that nobody asks for any more. Those of months stay.
-- KEYS  1 {T}:u
-- ARGV  1 days whose counters are kept
-- Result  how many counters went
--#include time.lua
local kept_since = 'd' .. date_of(now_s - tonumber(ARGV[1]) * 86400)
local gone = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 1) == 'd' and string.sub(field, 1, 11) < kept_since then
    redis.call('HDEL', KEYS[1], field)
    gone = gone + 1
  end
end
return gone
