-- check: may this key read, on what the node knows of the tenant? Counts the call, and reads.
-- keys  1 what is read ({T}:t where nothing is)
-- args  1 key hash, '' to count only  2 key id to stamp or ''  3 version known  4 '1' to count the call
--       5 what: '' | usage | keys | run | runs  6 7 its parameters
-- result  NOKEY | STALE | OK, then
--         usage: month, { runs, tokens, calls of the month, then of its days 01..31 }
--         keys:  { key id, last use, ... }
--         run:   record, open entry; '' where there is none   (key 1 the record, parameter 6 the run's id)
--         runs:  total, { run ids, newest first }              (key 1 the history, parameters first and last index)
-- Invariant: a usage answer does not count itself; nothing is written for a tenant that is gone.

local function usage()
  look_at_clock()
  local names = { 'm' .. month }
  for day = 1, 31 do names[day + 1] = format('d%s-%02d', month, day) end
  local stored = call('HMGET', keys[2], unpack(names))
  local figures = {}
  for i, name in ipairs(names) do
    local row = rows[name] or read_row(name, sub(name, 1, 1), stored[i])
    for figure = RUNS, CALLS do figures[#figures + 1] = tonumber(row[figure]) end
  end
  return { 'OK', month, figures }
end

local readers = {
  [''] = function() return { 'OK' } end,
  usage = usage,
  keys = function() return { 'OK', call('HGETALL', keys[4]) } end,
  run = function(a, k)
    return { 'OK', call('GET', keys[k]) or '', call('HGET', keys[3], args[a + 5]) or '' }
  end,
  runs = function(a, k)
    return { 'OK', call('ZCARD', keys[k]), call('ZREVRANGE', keys[k], args[a + 5], args[a + 6]) }
  end,
}

local function check(a, k)
  if args[a] ~= '' then
    if not key_is_good(args[a], args[a + 1]) then return { 'NOKEY' } end
    if args[a + 2] ~= version then return { 'STALE' } end
  end
  local result = readers[args[a + 4]](a, k)
  if args[a + 3] == '1' then count_call() end
  return result
end
