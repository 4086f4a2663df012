#!lua
-- Creates a tenant with its first agents and its first key, invisible until it is activated.
-- KEYS  1 {T}:t  2 {T}:o  3 {T}:a
-- ARGV  1 id of the change  2 its audit entry  3 not_after, ms  4 tenant id  5 name  6 tier
--       7 8 9 overrides of runs, tokens and requests a day: a number, 'none' for unlimited, '' the tier's
--       10 hash of the key, '' for no key  11 days it is good for, '' for ever  12 head of its JSON
--       then each agent: name, head of its JSON
-- Result  { 'OK', created_at ms } | { 'LATE' }
-- Invariant: a tenant, its agents and its key appear together or not at all.
--#include admin_change.lua
--#include admin_key.lua
--#include admin_agent.lua
local created = redis.call('HGET', KEYS[1], 'created_at')
if created then return { 'OK', created } end
if now_ms > tonumber(ARGV[3]) then return { 'LATE' } end

redis.call('HSET', KEYS[1], 'schema', '2', 'state', 'pending', 'id', ARGV[4], 'name', ARGV[5],
  'tier', ARGV[6], 'created_at', integer(now_ms))
for i, field in ipairs({ 'q_runs', 'q_tokens', 'q_day' }) do
  if ARGV[6 + i] ~= '' then redis.call('HSET', KEYS[1], field, ARGV[6 + i]) end
end
if ARGV[10] ~= '' then put_key(ARGV[10], ARGV[11], ARGV[12]) end
for i = 13, #ARGV, 2 do put_agent(KEYS[3], ARGV[i], ARGV[i + 1]) end
done()
return { 'OK', integer(now_ms) }
