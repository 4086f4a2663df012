#!lua flags=allow-oom
-- Notes that an incarnation is about to open entries in a tenant; before its first admission there.
-- KEYS  1 {ares}:nodes  2 {ares}:node:INC:tenants
-- ARGV  1 incarnation  2 tenant id
-- Result  'OK' | 'DEAD'
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored or string.sub(stored, 1, 4) == 'dead' then return 'DEAD' end
redis.call('SADD', KEYS[2], ARGV[2])
return 'OK'
