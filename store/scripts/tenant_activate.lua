#!lua
-- Makes a pending or imported tenant visible; its name is final. May be sent again.
-- KEYS  1 {T}:t
-- Result  { 'OK' } | { 'GONE' }
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'pending' or state == 'importing' then
  redis.call('HSET', KEYS[1], 'state', 'active')
  redis.call('HDEL', KEYS[1], 'import', 'import_at')
  redis.call('HINCRBY', KEYS[1], 'v', 1)
  return { 'OK' }
end
return { state == 'active' and 'OK' or 'GONE' }
