-- Executes operations of one tenant, in order, and returns one result for each.
--
-- KEYS  1 {T}:t  2 {T}:u  3 {T}:open  4 {T}:l, then the keys of each operation
-- ARGV  1 incarnation of the node, then each operation: its name and its arguments
-- Result  { now_ms, result of each operation }; each result is { WORD, ... }, or { 'BROKEN', why }
--         where Redis could not carry it out (a value that is none of ours)
--
-- Invariant: an operation checks everything before its first write, and counters are written in the
-- same script as what they count. Counters of a batch are summed up and written once, at the end.

--#include time.lua
local incarnation = ARGV[1]
local tenant = redis.call('HMGET', KEYS[1], 'v', 'state', 'f:' .. incarnation)
local version, active, fenced = tenant[1], tenant[2] == 'active', tenant[3]

-- Of now, made when first needed: the dates, and the counters of {T}:u that bear them.
local today, month
local day_runs, day_calls, day_requests, month_runs, month_calls, month_tokens
local function dates()
  if today then return end
  today = date_of(now_s)
  month = string.sub(today, 1, 7)
  local day = 'd' .. today
  day_runs, day_calls, day_requests = day .. 'r', day .. 'c', day .. 'x'
  month_runs, month_calls, month_tokens = 'm' .. month .. 'r', 'm' .. month .. 'c', 'm' .. month .. 't'
end

-- -- counters: summed up here, written at the end -------------------------------

local sums = {}
local last_runs = {} -- the statistics of agents that have a new run
local function add(key, field, n)
  if n ~= 0 then
    local of_key = sums[key]
    if not of_key then
      of_key = {}
      sums[key] = of_key
    end
    of_key[field] = (of_key[field] or 0) + n
  end
end

local function pending(key, field)
  local of_key = sums[key]
  return of_key and of_key[field] or 0
end

local function count_call()
  if not active then return end
  dates()
  add(KEYS[2], day_calls, 1)
  add(KEYS[2], month_calls, 1)
end

local function count_tokens(day, n)
  add(KEYS[2], 'd' .. day .. 't', n)
  add(KEYS[2], 'm' .. string.sub(day, 1, 7) .. 't', n)
end

-- -- keys -----------------------------------------------------------------------

-- Whether the key of this hash may act now; `stamp` is its id where its last use is to be noted.
local verdicts = {}
local function key_is_good(hash, stamp)
  local verdict = verdicts[hash]
  if verdict == nil then
    local stored = active and redis.call('HGET', KEYS[1], 'k:' .. hash)
    verdict = false
    if stored then
      local expires = tonumber(string.match(stored, '^(%d+)|'))
      verdict = expires == 0 or expires > now_s
    end
    verdicts[hash] = verdict
  end
  if verdict and stamp ~= '' then
    redis.call('HSET', KEYS[4], stamp, clock[1])
  end
  return verdict
end

-- -- open entries: KIND|INCARNATION|DAY|TOKENS|STARTED_MS|AGENT_ID ---------------

local function parse_entry(text)
  local kind, node, day, tokens, started, agent = string.match(text, '^(%a)|([^|]*)|([^|]*)|(%d+)|(%d+)|(.*)$')
  return { kind = kind, node = node, day = day, tokens = tonumber(tokens), started = tonumber(started), agent = agent }
end

local function entry_text(e)
  return table.concat({ e.kind, e.node, e.day, integer(e.tokens), integer(e.started), e.agent }, '|')
end

-- Ends an open entry: everything that is counted at the end of a run or chat. `statistics` is the
-- agent's key, or false for a chat.
local function close_entry(id, e, status, tokens, duration, statistics)
  redis.call('HDEL', KEYS[3], id)
  count_tokens(e.day, tokens)
  if statistics then
    add(statistics, status, 1)
    add(statistics, 'tokens', tokens)
    add(statistics, 'duration_ms', duration)
  end
end

--#include admit.lua
--#include progress.lua
--#include finish.lua
--#include settle.lua
--#include check.lua
local operations = {
  admit = { run = admit, keys = 4, arguments = 15 },
  progress = { run = progress, keys = 0, arguments = 2 },
  finish = { run = finish, keys = 2, arguments = 5 },
  settle = { run = settle, keys = 2, arguments = 4 },
  check = { run = check, keys = 1, arguments = 7 },
}

local results = { integer(now_ms) }
local a, k = 2, 5
while a <= #ARGV do
  local operation = operations[ARGV[a]]
  local carried_out, result = pcall(operation.run, a + 1, k)
  results[#results + 1] = carried_out and result or { 'BROKEN', type(result) == 'table' and result.err or result }
  a = a + 1 + operation.arguments
  k = k + operation.keys
end

for key, of_key in pairs(sums) do
  for field, n in pairs(of_key) do
    redis.call('HINCRBY', key, field, integer(n))
  end
end
for key in pairs(last_runs) do
  redis.call('HSET', key, 'last_run', integer(now_ms))
end
return results
