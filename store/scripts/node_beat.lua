#!lua flags=allow-oom
-- A node's heartbeat, and what it sees of the others.
-- KEYS  1 {ares}:nodes  2 {ares}:beats
-- ARGV  1 incarnation  2 description, JSON  3 '1' if it was registered before
-- Result  { 'DEAD' } if this incarnation was given up, else { 'OK', incarnation, beat, ... }
-- Invariant: an incarnation that was given up never comes back, even when it is forgotten already:
-- it is fenced where it had tenants.
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored and string.sub(stored, 1, 4) == 'dead' or not stored and ARGV[3] == '1' then return { 'DEAD' } end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
local result = { 'OK' }
local beats = redis.call('HGETALL', KEYS[2])
for i = 1, #beats do result[i + 1] = beats[i] end
return result
