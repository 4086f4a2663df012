-- finish: the end of a run or chat, by the node that drove it.
-- keys  1 record  2 statistics (a chat: {T}:t)
-- args  1 operation id  2 completed | failed | cancelled  3 tokens  4 duration, ms  5 the whole record, '' for a chat
-- result  OK | ENDED record ('' where there is none)
-- Invariant: removing the open entry and counting are one step, so an end is counted once.

local function finish(a, k)
  local id, record = ARGV[a], ARGV[a + 4]
  local entry = redis.call('HGET', KEYS[3], id)
  if not entry then
    return { 'ENDED', record ~= '' and redis.call('GET', KEYS[k]) or '' }
  end
  local e = parse_entry(entry)
  if record ~= '' then redis.call('SET', KEYS[k], record) end
  close_entry(id, e, ARGV[a + 1], tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3]), e.kind == 'r' and KEYS[k + 1])
  return { 'OK' }
end
