-- The frame of every change of an active tenant: made once, not too late, told to every node (by
-- the version) and to the audit log, in one step.
-- KEYS  1 {T}:t  2 {T}:o
-- ARGV  1 id of the change  2 its audit entry  3 not_after, ms: later nothing is written
local clock = redis.call('TIME')
local now_s = tonumber(clock[1])
local now_ms = now_s * 1000 + math.floor(tonumber(clock[2]) / 1000)

local function integer(n) return string.format('%.0f', n) end

-- Why nothing is to be done: no such tenant, too late, or done already (a change that was sent
-- again because its answer was lost). Nothing if the change may be made.
local function settled()
  local stored = redis.call('HMGET', KEYS[1], 'state', 'change')
  local last, at = string.match(stored[2] or '', '^([^|]*)|(%d+)$')
  if last == ARGV[1] then return { 'OK', at, 'again' } end
  if stored[1] ~= 'active' then return { 'GONE' } end
  if now_ms > tonumber(ARGV[3]) then return { 'LATE' } end
end

local function done(detail)
  redis.call('HINCRBY', KEYS[1], 'v', 1)
  redis.call('HSET', KEYS[1], 'change', ARGV[1] .. '|' .. integer(now_ms))
  redis.call('RPUSH', KEYS[2], ARGV[2])
  return { 'OK', integer(now_ms), detail or '' }
end
