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

local function usage_fields()
  local fields = { 'm' .. month .. 'r', 'm' .. month .. 't', 'm' .. month .. 'c' }
  for day = 1, 31 do
    local date = string.format('d%s-%02d', month, day)
    fields[#fields + 1] = date .. 'r'
    fields[#fields + 1] = date .. 't'
    fields[#fields + 1] = date .. 'c'
  end
  return fields
end

local readers = {
  [''] = function() return { 'OK' } end,
  usage = function()
    dates()
    local fields = usage_fields()
    local values = redis.call('HMGET', KEYS[2], unpack(fields))
    for i = 1, #fields do
      values[i] = integer(tonumber(values[i] or 0) + pending(KEYS[2], fields[i]))
    end
    return { 'OK', month, values }
  end,
  keys = function() return { 'OK', redis.call('HGETALL', KEYS[4]) } end,
  run = function(a, k)
    return { 'OK', redis.call('GET', KEYS[k]) or '', redis.call('HGET', KEYS[3], ARGV[a + 5]) or '' }
  end,
  runs = function(a, k)
    return { 'OK', redis.call('ZCARD', KEYS[k]), redis.call('ZREVRANGE', KEYS[k], ARGV[a + 5], ARGV[a + 6]) }
  end,
}

local function check(a, k)
  if ARGV[a] ~= '' then
    if not key_is_good(ARGV[a], ARGV[a + 1]) then return { 'NOKEY' } end
    if ARGV[a + 2] ~= version then return { 'STALE' } end
  end
  local result = readers[ARGV[a + 4]](a, k)
  if ARGV[a + 3] == '1' and active then count_call() end
  return result
end
