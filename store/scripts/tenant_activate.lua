#!lua
-- Makes a pending tenant visible; its name is final. May be sent again.
-- KEYS  1 {T}:t
-- Result  { 'OK' } | { 'GONE' }
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'pending' then
  redis.call('HSET', KEYS[1], 'state', 'active')
  redis.call('HINCRBY', KEYS[1], 'v', 1)
  return { 'OK' }
end
return { state == 'active' and 'OK' or 'GONE' }
