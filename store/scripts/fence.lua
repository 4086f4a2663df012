#!lua flags=allow-oom
-- Refuses an incarnation in this tenant from now on, and names what it has left open.
-- KEYS  1 {T}:t  2 {T}:open
-- ARGV  1 incarnation
-- Result  { operation id, entry, ... } of its open entries
-- Invariant: once this returned, no admission of that incarnation can add another.
local clock = redis.call('TIME')
if redis.call('HEXISTS', KEYS[1], 'state') == 1 then
  redis.call('HSET', KEYS[1], 'f:' .. ARGV[1], clock[1])
end
local left = {}
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  if string.match(all[i + 1], '^%a|([^|]*)|') == ARGV[1] then
    left[#left + 1] = all[i]
    left[#left + 1] = all[i + 1]
  end
end
return left
