#!lua flags=allow-oom
-- Removes runs that are older than the time they are kept. Their age is in their ids (version 7).
-- KEYS  1 {T}:open  2 {T}:h:AGENT, then the records of the runs
-- ARGV  1 days that runs are kept, then the ids of the runs, in the order of the records
-- Result  how many went
-- Invariant: a run leaves with its record or stays with it; one that is open stays. Counters and
-- statistics count runs that were, and do not change.
--#include time.lua
local kept_since = now_ms - tonumber(ARGV[1]) * 86400000
local gone = 0
for i = 2, #ARGV do
  local id = ARGV[i]
  local made = tonumber(string.sub(id, 1, 8) .. string.sub(id, 10, 13), 16)
  if made and made < kept_since and redis.call('HEXISTS', KEYS[1], id) == 0 then
    redis.call('UNLINK', KEYS[i + 1])
    redis.call('ZREM', KEYS[2], id)
    gone = gone + 1
  end
end
return gone
