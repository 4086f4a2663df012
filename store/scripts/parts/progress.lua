-- progress: the tokens of a run or chat so far, after each provider call that is not the last.
-- args  1 operation id  2 tokens
-- result  OK | ENDED
-- Invariant: counts nothing; who ends the entry without knowing more counts these.

local function progress(a)
  local entry = call('HGET', keys[3], args[a])
  if not entry then return { 'ENDED' } end
  local e = parse_entry(entry)
  e.tokens = tonumber(args[a + 1])
  call('HSET', keys[3], args[a], entry_text(e))
  return { 'OK' }
end
