#!lua
-- Writes pieces of a tenant that is being imported. May be sent again.
-- KEYS  1 {T}:t, then whatever is written
-- ARGV  1 id of the import, then each piece: HSET | SET | ZADD, index of its key, number of its
--       arguments, its arguments
-- Result  { 'OK' } | { 'GONE' }: the import was given up
-- Invariant: nothing is written to a tenant that is visible, or that somebody else imports.
local tenant = redis.call('HMGET', KEYS[1], 'state', 'import')
if tenant[1] ~= 'importing' or tenant[2] ~= ARGV[1] then return { 'GONE' } end
redis.call('HSET', KEYS[1], 'import_at', redis.call('TIME')[1])
local i = 2
while i <= #ARGV do
  local count = tonumber(ARGV[i + 2])
  redis.call(ARGV[i], KEYS[tonumber(ARGV[i + 1])], unpack(ARGV, i + 3, i + 2 + count))
  i = i + 3 + count
end
return { 'OK' }
