#!lua
-- Claims a tenant's name, or takes over a claim that is not final: its owner then fails to make it
-- final and gives up. A claim that nobody makes final is forgotten after a while.
-- KEYS  1 ares:name:NAME
-- ARGV  1 tenant id  2 seconds after which the claim is forgotten
-- Result  { 'OK' } | { 'TAKEN', id of the tenant that has the name }
-- Invariant: a final claim changes no more, but for its release by its tenant.
local stored = redis.call('GET', KEYS[1])
if stored == ARGV[1] .. '|final' then return { 'OK' } end
if stored and string.sub(stored, -6) == '|final' then return { 'TAKEN', string.sub(stored, 1, -7) } end
redis.call('SET', KEYS[1], ARGV[1] .. '|claim', 'EX', ARGV[2])
return { 'OK' }
