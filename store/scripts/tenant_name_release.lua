#!lua flags=allow-oom
-- Gives a tenant's name back, if it is this tenant's. May be sent again.
-- KEYS  1 ares:name:NAME
-- ARGV  1 tenant id  2 'claim': only if it is not final; 'any'
-- Result  { 'OK' } | { 'FINAL' }: the claim is final and stays
local stored = redis.call('GET', KEYS[1])
if stored == ARGV[1] .. '|final' and ARGV[2] == 'claim' then return { 'FINAL' } end
if stored == ARGV[1] .. '|claim' or stored == ARGV[1] .. '|final' then redis.call('DEL', KEYS[1]) end
return { 'OK' }
