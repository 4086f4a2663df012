#!lua flags=allow-oom
-- Gives an import up: what there is of the tenant is then removed as that of any removed tenant.
-- KEYS  1 {T}:t
-- ARGV  1 seconds that it must have stood still
-- Result  { 'OK' } | { 'BUSY' } | { 'VISIBLE' }: it is no import, or none any more
local tenant = redis.call('HMGET', KEYS[1], 'state', 'import_at')
if tenant[1] ~= 'importing' then return { 'VISIBLE' } end
if tonumber(redis.call('TIME')[1]) - tonumber(tenant[2]) < tonumber(ARGV[1]) then return { 'BUSY' } end
redis.call('HSET', KEYS[1], 'state', 'deleting')
return { 'OK' }
