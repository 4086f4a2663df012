#!lua flags=no-writes
-- Everything of a tenant that a node keeps in memory, as of one moment.
-- KEYS  1 {T}:t  2 {T}:a
-- Result  { fields and values of {T}:t, names and values of {T}:a }
return { redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]) }
