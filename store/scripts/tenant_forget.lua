#!lua flags=allow-oom
-- The last step of a tenant's removal, once its audit entries were moved. May be sent again.
-- KEYS  1 {T}:t  2 {T}:o, then everything else of the slot that has a fixed name
-- Result  { 'OK' } | { 'BUSY' }: there still are audit entries | { 'VISIBLE' }
if redis.call('LLEN', KEYS[2]) > 0 then return { 'BUSY' } end
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'deleting' then return { 'VISIBLE' } end
redis.call('UNLINK', unpack(KEYS))
return { 'OK' }
