-- finish: the end of a run or chat, by the node that drove it.
-- keys  1 record (a chat: {T}:t)
-- args  1 operation id  2 completed | failed | cancelled  3 tokens  4 duration, ms  5 the whole record, '' for a chat
-- result  OK | ENDED record ('' where there is none), and for a chat 'fenced' where others may have ended it
-- Invariant: removing the open entry and counting are one step, so an end is counted once.

-- Whether an incarnation was given up since the operation began: its id (version 7) says when that
-- was, by the clock of its node.
local clocks_apart_ms = 1000
local function fenced_since(id)
  local began = tonumber(sub(id, 1, 8) .. sub(id, 10, 13), 16)
  local fields = call('HGETALL', keys[1])
  for i = 1, #fields, 2 do
    if sub(fields[i], 1, 2) == 'f:' and tonumber(fields[i + 1]) > began - clocks_apart_ms then
      return true
    end
  end
  return false
end

local function finish(a, k)
  local id, record = args[a], args[a + 4]
  local entry = call('HGET', keys[3], id)
  if not entry then
    if record == '' then return { 'ENDED', '', fenced_since(id) and 'fenced' or '' } end
    return { 'ENDED', call('GET', keys[k]) or '' }
  end
  close_entry(id, parse_entry(entry), args[a + 1], tonumber(args[a + 2]), tonumber(args[a + 3]), keys[k], record)
  return { 'OK' }
end
