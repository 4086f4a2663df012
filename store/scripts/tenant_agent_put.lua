#!lua
-- Adds an agent, or replaces one that still is as it was when the change was worked out.
-- KEYS  1 {T}:t  2 {T}:o  3 {T}:a
-- ARGV  1 id of the change  2 its audit entry  3 not_after, ms  4 name
--       5 what is stored now, '' to add  6 its JSON; to add, the head of it  7 how many agents a tenant may have
-- Result  { 'OK', now ms } | { 'GONE' } | { 'LATE' } | { 'EXISTS' } | { 'FULL' } | { 'MOVED' }: it has changed since
--#include admin_change.lua
--#include admin_agent.lua
local result = settled()
if result then return result end
local stored = redis.call('HGET', KEYS[3], ARGV[4])
if ARGV[5] == '' then
  if stored then return { 'EXISTS' } end
  if redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[7]) then return { 'FULL' } end
  put_agent(KEYS[3], ARGV[4], ARGV[6])
else
  if stored ~= ARGV[5] then return { 'MOVED' } end
  redis.call('HSET', KEYS[3], ARGV[4], ARGV[6])
end
return done()
