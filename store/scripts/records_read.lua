#!lua flags=no-writes
-- Records of runs and, for those that go on, their open entries, as of one moment.
-- KEYS  1 {T}:open, then the records
-- ARGV  the ids of the runs, in the same order
-- Result  { record, open entry, ... }; '' where there is none
local result = {}
for i = 1, #ARGV do
  result[2 * i - 1] = redis.call('GET', KEYS[i + 1]) or ''
  result[2 * i] = redis.call('HGET', KEYS[1], ARGV[i]) or ''
end
return result
