#!lua flags=allow-oom
-- Refuses an incarnation in this tenant from now on, and names what it has left open.
-- KEYS  1 {T}:t  2 {T}:open
-- ARGV  1 incarnation
-- Result  { operation id, entry, ... } of its open entries
-- Invariant: once this returned, no admission of that incarnation can add another. Fences of more
-- than 30 days ago go: no process sleeps that long, and a tenant outlives many nodes.
local clock = redis.call('TIME')
local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local stands_ms = 30 * 86400000

local tenant = redis.call('HGETALL', KEYS[1])
for i = 1, #tenant, 2 do
  if string.sub(tenant[i], 1, 2) == 'f:' and now_ms - tonumber(tenant[i + 1]) > stands_ms then
    redis.call('HDEL', KEYS[1], tenant[i])
  end
end
if redis.call('HEXISTS', KEYS[1], 'state') == 1 then
  redis.call('HSET', KEYS[1], 'f:' .. ARGV[1], string.format('%.0f', now_ms))
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
