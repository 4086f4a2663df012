#!lua flags=allow-oom
-- The first step of a tenant's removal: from here on it is invisible, its keys are refused
-- everywhere and nothing new can start in it. What it leaves is then removed piece by piece.
-- KEYS  1 {T}:t  2 {T}:o
-- ARGV  1 id of the change  2 its audit entry  3 not_after, ms
-- Result  { 'OK', now ms } | { 'GONE' } | { 'LATE' }
--#include admin_change.lua
local result = settled()
if result then return result end
redis.call('HSET', KEYS[1], 'state', 'deleting')
return done()
