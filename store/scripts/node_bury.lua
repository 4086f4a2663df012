#!lua flags=allow-oom
-- Gives an incarnation up if its beat still stands where the observer saw it stand, and names the
-- tenants where it may have left something open. Without tenants left, it is forgotten.
-- KEYS  1 {ares}:nodes  2 {ares}:beats  3 {ares}:node:INC:tenants
-- ARGV  1 incarnation  2 the beat seen
-- Result  { 'ALIVE' } | { 'DEAD', tenant id, ... }
if (redis.call('HGET', KEYS[2], ARGV[1]) or '') ~= ARGV[2] then return { 'ALIVE' } end
redis.call('HSET', KEYS[1], ARGV[1], 'dead')
local result = { 'DEAD' }
local tenants = redis.call('SRANDMEMBER', KEYS[3], 1000)
for i = 1, #tenants do result[i + 1] = tenants[i] end
if #tenants == 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
end
return result
