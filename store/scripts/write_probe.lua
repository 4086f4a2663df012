#!lua
-- Whether the store takes new work now. It writes nothing; but because it could, Redis refuses it
-- where it refuses writes: with its memory full, its disk failing, or as a replica.
-- KEYS  1 {ares}:nodes
-- Result  'OK'
return 'OK'
