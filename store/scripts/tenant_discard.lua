#!lua flags=allow-oom
-- Removes a tenant that never became visible: its name went to another. May be sent again.
-- KEYS  1 {T}:t  2 {T}:o  3 {T}:a
-- Result  { 'OK' } | { 'VISIBLE' }: the tenant is no longer pending, and stays
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'pending' then return { 'VISIBLE' } end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return { 'OK' }
