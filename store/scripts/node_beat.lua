#!lua flags=allow-oom
-- A node's heartbeat, and what it sees of the others.
-- KEYS  1 {ares}:nodes  2 {ares}:beats
-- ARGV  1 incarnation  2 description, JSON
-- Result  { 'DEAD' } if this incarnation was given up, else { 'OK', incarnation, beat, ... }
if string.sub(redis.call('HGET', KEYS[1], ARGV[1]) or '', 1, 4) == 'dead' then return { 'DEAD' } end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
local result = { 'OK' }
local beats = redis.call('HGETALL', KEYS[2])
for i = 1, #beats do result[i + 1] = beats[i] end
return result
