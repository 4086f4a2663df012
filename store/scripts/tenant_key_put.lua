#!lua
-- Adds a key. Its hint (ares:key:HASH) was written before.
-- KEYS  1 {T}:t  2 {T}:o
-- ARGV  1 id of the change  2 its audit entry  3 not_after, ms  4 hash  5 days it is good for, '' for
--       ever  6 head of its JSON  7 how many keys a tenant may have
-- Result  { 'OK', now ms } | { 'GONE' } | { 'LATE' } | { 'FULL' }
--#include admin_change.lua
--#include admin_key.lua
local result = settled()
if result then return result end
local count = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 2) == 'k:' then count = count + 1 end
end
if count >= tonumber(ARGV[7]) then return { 'FULL' } end
put_key(ARGV[4], ARGV[5], ARGV[6])
return done()
