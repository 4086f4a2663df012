#!lua
-- Changes a tenant's tier and its overrides of the tier's figures.
-- KEYS  1 {T}:t  2 {T}:o
-- ARGV  1 id of the change  2 its audit entry  3 not_after, ms, then pairs: field, value ('' removes)
-- Result  { 'OK', now ms } | { 'GONE' } | { 'LATE' }
--#include admin_change.lua
local result = settled()
if result then return result end
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return done()
