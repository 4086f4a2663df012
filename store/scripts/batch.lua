#!lua name=ares_batch_%version%
-- Executes operations of one tenant, in order, and returns one result for each. A function library,
-- because a script would make all its closures anew at every call; the version in its names lets
-- nodes of two versions share a store.
--
-- batch         what the node sends
-- batch_ending  the same, for batches without an admission: what is under way ends even when memory
--               is full
--
-- keys  1 {T}:t  2 {T}:u  3 {T}:open  4 {T}:l, then the keys of each operation
-- args  1 incarnation of the node, then each operation: its name and its arguments
-- Result  { now_ms, result of each operation }; each result is { WORD, ... }, or { 'BROKEN', why }
--         where Redis could not carry it out (a value that is none of ours). now_ms is 0 where no
--         operation asked for the time.
--
-- Invariant: an operation checks everything before its first write, and counters are written in the
-- same call as what they count. Counters of a batch are summed up and written once, at the end.

local format, match, sub -- of `string`, which Redis 7.0 does not show while it loads a library

-- Of the call under way; `begin` sets them all.
local call, keys, args, incarnation
local now_s, now_ms, clock

--#include dates.lua
--#include moment.lua
--#include counters.lua
--#include tenant.lua
--#include entries.lua
--#include admit.lua
--#include progress.lua
--#include finish.lua
--#include settle.lua
--#include check.lua
local operations = {
  admit = { run = admit, keys = 3, arguments = 15 },
  progress = { run = progress, keys = 0, arguments = 2 },
  finish = { run = finish, keys = 1, arguments = 5 },
  settle = { run = settle, keys = 1, arguments = 4 },
  check = { run = check, keys = 1, arguments = 7 },
}

local function begin(call_keys, call_args)
  format, match, sub = string.format, string.match, string.sub
  call, keys, args, incarnation = redis.call, call_keys, call_args, call_args[1]
  now_s, now_ms, clock = nil, nil, nil
  forget_counters()
  forget_tenant()
end

local function batch(call_keys, call_args)
  begin(call_keys, call_args)
  local results = { 0 }
  local a, k = 2, 5
  while a <= #args do
    local operation = operations[args[a]]
    local carried_out, result = pcall(operation.run, a + 1, k)
    results[#results + 1] = carried_out and result or { 'BROKEN', type(result) == 'table' and result.err or result }
    a = a + 1 + operation.arguments
    k = k + operation.keys
  end
  write_counters()
  results[1] = now_ms or 0
  return results
end

redis.register_function { function_name = 'ares_batch_%version%', callback = batch }
redis.register_function { function_name = 'ares_batch_ending_%version%', callback = batch, flags = { 'allow-oom' } }
