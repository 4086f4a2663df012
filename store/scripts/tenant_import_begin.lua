#!lua
-- Begins the import of a tenant: invisible, and kept as long as it is being written to.
-- KEYS  1 {T}:t
-- ARGV  1 id of the import, then fields and values of {T}:t
-- Result  { 'OK' } | { 'EXISTS' }: the id is in use, be it by another import
local import = redis.call('HGET', KEYS[1], 'import')
if import == ARGV[1] then return { 'OK' } end
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'EXISTS' } end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('HSET', KEYS[1], 'state', 'importing', 'import', ARGV[1], 'import_at', redis.call('TIME')[1])
return { 'OK' }
