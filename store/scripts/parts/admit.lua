-- admit: may this run or chat start? If so, it exists from here on.
-- keys  1 record  2 history  3 idempotency (unused ones: {T}:t)
-- args  1 kind r|c  2 operation id  3 key hash  4 key id to stamp or ''  5 version known
--       6 not_after, ms: later nothing is written  7 agent id or ''  8 refuse: '1' where the node refuses it after the idempotency check
--       9 10 11 limits of requests a day, runs and tokens a month, '' unlimited  12 tokens to begin with
--       13 '1' if the same operation was sent before  14 hash of the body, '' without idempotency key  15 head of the record
-- result  OK started_ms day_left tokens_left | LATE | FENCED | NOKEY | STALE | CONFLICT | REPLAY run
--         | REFUSED | DAY | RUNS | TOKENS; the limits with day_left tokens_left; nil: unlimited
-- Invariant: run, history, counters and open entry appear together; no limit is overshot; an operation
-- that is sent twice is admitted once.

-- What is left of a limit; false: it is unlimited.
local function left(limit, used)
  if limit == '' then return false end
  local n = limit - used
  return n > 0 and n or 0
end

local function limit_reached(kind, of_day, of_month, day_limit, runs_limit, tokens_limit)
  local day_left, tokens_left = left(day_limit, of_day[REQUESTS]), left(tokens_limit, of_month[TOKENS])
  if day_left == 0 then return 'DAY', day_left, tokens_left end
  if kind == 'r' and left(runs_limit, of_month[RUNS]) == 0 then return 'RUNS', day_left, tokens_left end
  if tokens_left == 0 then return 'TOKENS', day_left, tokens_left end
  return nil, day_left and day_left - 1, tokens_left
end

local function write_run(k, id, idempotency_value, head)
  call('SET', keys[k], head .. '"output":null,"error":null,"started_at":"' .. now_text() ..
    '","finished_at":null,"duration_ms":null,"tokens_used":0}')
  call('ZADD', keys[k + 1], 0, id)
  if idempotency_value then
    call('SET', keys[k + 2], idempotency_value, 'EX', 86400)
  end
end

-- When the operation was admitted, if it was. A run that has ended since is not admitted again: its
-- node learns of the end when it finishes.
local function started_before(kind, id, k)
  local entry = call('HGET', keys[3], id)
  if entry then return parse_entry(entry).started end
  return kind == 'r' and call('EXISTS', keys[k]) == 1 and now_ms
end

local function admit(a, k)
  local kind, id, agent = args[a], args[a + 1], args[a + 6]
  look_at_clock()
  if args[a + 12] == '1' then
    local started = started_before(kind, id, k)
    if started then return { 'OK', started, false, false } end
  end
  if now_ms > tonumber(args[a + 5]) then return { 'LATE' } end
  know_tenant(args[a + 2])
  if fenced then return { 'FENCED' } end
  if not key_is_good(args[a + 2], args[a + 3]) then return { 'NOKEY' } end
  if args[a + 4] ~= version then return { 'STALE' } end

  local body_hash = args[a + 13]
  local idempotent = body_hash ~= ''
  local earlier = idempotent and call('GET', keys[k + 2])
  if earlier then
    local run, hash = match(earlier, '^([^|]*)|(.*)$')
    if hash == body_hash then return { 'REPLAY', run } end
    count_call()
    return { 'CONFLICT' }
  end
  if args[a + 7] == '1' then
    count_call()
    return { 'REFUSED' }
  end
  local agent_row = kind == 'r' and 'a' .. agent
  local of_day, of_month, of_agent = rows_of(day_row, month_row, agent_row)
  local reached, day_left, tokens_left =
    limit_reached(kind, of_day, of_month, args[a + 8], args[a + 9], args[a + 10])
  if reached then return { reached, day_left, tokens_left } end

  call('HSET', keys[3], id, kind .. '|' .. incarnation .. '|' .. today .. '|' .. args[a + 11] .. '|' .. integer(now_ms) .. '|' .. agent)
  of_day[CALLS] = of_day[CALLS] + 1
  of_day[REQUESTS] = of_day[REQUESTS] + 1
  of_month[CALLS] = of_month[CALLS] + 1
  change(day_row, of_day)
  change(month_row, of_month)
  if kind == 'r' then
    write_run(k, id, idempotent and id .. '|' .. body_hash, args[a + 14])
    of_day[RUNS] = of_day[RUNS] + 1
    of_month[RUNS] = of_month[RUNS] + 1
    of_agent[AGENT_RUNS] = of_agent[AGENT_RUNS] + 1
    of_agent[AGENT_LAST_RUN] = now_ms
    change(agent_row, of_agent)
  end
  return { 'OK', now_ms, day_left, tokens_left }
end
