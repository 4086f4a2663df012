#!lua flags=no-writes
-- Statistics of agents, as of one moment.
-- KEYS  {T}:s:AGENT of each
-- Result  { fields and values of each }
local result = {}
for i = 1, #KEYS do result[i] = redis.call('HGETALL', KEYS[i]) end
return result
