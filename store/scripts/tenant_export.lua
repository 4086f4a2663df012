#!lua flags=no-writes
-- All of a tenant but its ended runs, as of one moment. With it the runs whose ids are older than a
-- bound, read at leisure, are a whole: no run gets an older id any more.
-- KEYS  1 {T}:t  2 {T}:a  3 {T}:g  4 {T}:l  5 {T}:u  6 {T}:open, then {T}:h:AGENT of each agent
-- ARGV  1 the version that the agents were read at  2 the bound: '[' and the start of an id
-- Result  { 'OK', now ms, fields and values of keys 1 to 6, then of each agent: its run ids
--         from the bound on } | { 'GONE' } | { 'STALE' }: the agents may be others by now
local known = redis.call('HMGET', KEYS[1], 'state', 'v')
if known[1] ~= 'active' then return { 'GONE' } end
if known[2] ~= ARGV[1] then return { 'STALE' } end
local clock = redis.call('TIME')
local result = { 'OK', string.format('%.0f', tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)) }
for i = 1, 6 do result[#result + 1] = redis.call('HGETALL', KEYS[i]) end
for i = 7, #KEYS do result[#result + 1] = redis.call('ZRANGE', KEYS[i], ARGV[2], '+', 'BYLEX') end
return result
