#!lua
-- Makes a tenant's claim of its name final, if it still is the tenant's. May be sent again.
-- KEYS  1 ares:name:NAME
-- ARGV  1 tenant id
-- Result  { 'OK' } | { 'LOST' }
-- Invariant: of all tenants that claim a name, one at most makes its claim final.
local stored = redis.call('GET', KEYS[1])
if stored == ARGV[1] .. '|final' then return { 'OK' } end
if stored ~= ARGV[1] .. '|claim' then return { 'LOST' } end
redis.call('SET', KEYS[1], ARGV[1] .. '|final')
return { 'OK' }
