-- settle: ends a run or chat that nobody drives to its own end: cancelled through the store, node lost,
-- or an admission that the node gave up. It counts what was checkpointed.
-- keys  1 record (a chat: {T}:t)
-- args  1 operation id  2 failed | cancelled  3 error as JSON (a string or null)
--       4 not_after of an admission in doubt, ms, or ''
-- result  OK record | ENDED record ('' where there is none) | EARLY: the admission may still come
-- Invariant: as finish. The record is spliced by offset: a running record is written by admit alone,
-- {"id":"36","agent_id":"36","status":"running", ... "output":null,...,"tokens_used":0}.

local running_at = #'{"id":"","agent_id":"","status":"' + 36 + 36
local tail_length = #'"output":null,"error":null,"started_at":"2026-03-13T14:22:00Z","finished_at":null,"duration_ms":null,"tokens_used":0}'

local function ended_record(record, status, error, e, duration)
  return string.sub(record, 1, running_at) .. status .. string.sub(record, running_at + #'running' + 1, -tail_length - 1) ..
    '"output":null,"error":' .. error .. ',"started_at":"' .. rfc3339(math.floor(e.started / 1000)) ..
    '","finished_at":"' .. rfc3339(math.floor((e.started + duration) / 1000)) .. '","duration_ms":' .. integer(duration) ..
    ',"tokens_used":' .. integer(e.tokens) .. '}'
end

local function settle(a, k)
  local id, status = args[a], args[a + 1]
  look_at_clock()
  local entry = call('HGET', keys[3], id)
  if not entry then
    if args[a + 3] ~= '' and now_ms <= tonumber(args[a + 3]) then return { 'EARLY' } end
    return { 'ENDED', keys[k] ~= keys[1] and call('GET', keys[k]) or '' }
  end
  local e = parse_entry(entry)
  local duration = math.max(now_ms - e.started, 0)
  local record = e.kind == 'r' and call('GET', keys[k]) or ''
  if record ~= '' then record = ended_record(record, status, args[a + 2], e, duration) end
  close_entry(id, e, status, e.tokens, duration, keys[k], record)
  return { 'OK', record }
end
