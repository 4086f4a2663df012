#!lua flags=allow-oom
-- Removes an agent. Its runs and statistics stay, and are found again through {T}:g.
-- KEYS  1 {T}:t  2 {T}:o  3 {T}:a  4 {T}:g
-- ARGV  1 id of the change  2 its audit entry  3 not_after, ms  4 name
-- Result  { 'OK', now ms } | { 'GONE' } | { 'LATE' } | { 'NONE' }
--#include admin_change.lua
local result = settled()
if result then return result end
local stored = redis.call('HGET', KEYS[3], ARGV[4])
if not stored then return { 'NONE' } end
redis.call('HDEL', KEYS[3], ARGV[4])
redis.call('HSET', KEYS[4], string.match(stored, '^{"id":"([^"]*)"'), ARGV[4])
return done()
