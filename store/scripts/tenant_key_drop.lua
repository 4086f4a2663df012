#!lua flags=allow-oom
-- Revokes a key: from here on it is refused everywhere.
-- KEYS  1 {T}:t  2 {T}:o  3 {T}:l
-- ARGV  1 id of the change  2 its audit entry  3 not_after, ms  4 key id
-- Result  { 'OK', now ms, hash or 'again' } | { 'GONE' } | { 'LATE' } | { 'NONE' }
--#include admin_change.lua
local result = settled()
if result then return result end
local head = '|{"id":"' .. ARGV[4] .. '"'
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 2) == 'k:' and string.find(fields[i + 1], head, 1, true) then
    redis.call('HDEL', KEYS[1], fields[i])
    redis.call('HDEL', KEYS[3], ARGV[4])
    return done(string.sub(fields[i], 3))
  end
end
return { 'NONE' }
