-- admit: may this run or chat start? If so, it exists from here on.
-- keys  1 record  2 history  3 statistics  4 idempotency (unused ones: {T}:t)
-- args  1 kind r|c  2 operation id  3 key hash  4 key id to stamp or ''  5 version known
--       6 not_after, ms: later nothing is written  7 agent id or ''  8 refuse: '1' where the node refuses it after the idempotency check
--       9 10 11 limits of requests a day, runs and tokens a month, '' unlimited  12 tokens to begin with
--       13 '1' if the same operation was sent before  14 hash of the body, '' without idempotency key  15 head of the record
-- result  OK started_ms day_left tokens_left | LATE | FENCED | NOKEY | STALE | CONFLICT | REPLAY run
--         | REFUSED | DAY | RUNS | TOKENS; the limits with day_left tokens_left; what is unlimited is ''
-- Invariant: run, history, counters and open entry appear together; no limit is overshot; an operation
-- that is sent twice is admitted once.

local baseline -- month runs, month tokens, day's executing requests as stored before this batch
local function used()
  if not baseline then
    dates()
    local stored = redis.call('HMGET', KEYS[2], month_runs, month_tokens, day_requests)
    baseline = { tonumber(stored[1] or 0), tonumber(stored[2] or 0), tonumber(stored[3] or 0) }
  end
  return baseline[1] + pending(KEYS[2], month_runs),
         baseline[2] + pending(KEYS[2], month_tokens),
         baseline[3] + pending(KEYS[2], day_requests)
end

local function left(limit, n)
  if limit == '' then return '' end
  return integer(math.max(tonumber(limit) - n, 0))
end

local function limit_reached(kind, day_limit, runs_limit, tokens_limit)
  if day_limit == '' and runs_limit == '' and tokens_limit == '' then return nil, '', '' end
  local runs, tokens, requests = used()
  local day_left, tokens_left = left(day_limit, requests), left(tokens_limit, tokens)
  if day_left == '0' then return 'DAY', day_left, tokens_left end
  if kind == 'r' and runs_limit ~= '' and runs >= tonumber(runs_limit) then return 'RUNS', day_left, tokens_left end
  if tokens_left == '0' then return 'TOKENS', day_left, tokens_left end
  return nil, day_left ~= '' and integer(tonumber(day_left) - 1) or '', tokens_left
end

local record_tail -- the same for all runs of a batch

local function write_run(k, id, idempotent, body_hash, head)
  record_tail = record_tail or '"output":null,"error":null,"started_at":"' .. rfc3339(now_s) ..
    '","finished_at":null,"duration_ms":null,"tokens_used":0}'
  redis.call('SET', KEYS[k], head .. record_tail)
  redis.call('ZADD', KEYS[k + 1], 0, id)
  last_runs[KEYS[k + 2]] = true
  add(KEYS[k + 2], 'runs', 1)
  add(KEYS[2], day_runs, 1)
  add(KEYS[2], month_runs, 1)
  if idempotent then
    redis.call('SET', KEYS[k + 3], id .. '|' .. body_hash, 'EX', 86400)
  end
end

-- When the operation was admitted, if it was. A run that has ended since is not admitted again: its
-- node learns of the end when it finishes.
local function started_before(kind, id, k)
  local entry = redis.call('HGET', KEYS[3], id)
  if entry then return parse_entry(entry).started end
  return kind == 'r' and redis.call('EXISTS', KEYS[k]) == 1 and now_ms
end

local function admit(a, k)
  local kind, id, agent = ARGV[a], ARGV[a + 1], ARGV[a + 6]
  if ARGV[a + 12] == '1' then
    local started = started_before(kind, id, k)
    if started then return { 'OK', integer(started), '', '' } end
  end
  if now_ms > tonumber(ARGV[a + 5]) then return { 'LATE' } end
  if fenced then return { 'FENCED' } end
  if not key_is_good(ARGV[a + 2], ARGV[a + 3]) then return { 'NOKEY' } end
  if ARGV[a + 4] ~= version then return { 'STALE' } end

  local body_hash = ARGV[a + 13]
  local idempotent = body_hash ~= ''
  local earlier = idempotent and redis.call('GET', KEYS[k + 3])
  if earlier then
    local run, hash = string.match(earlier, '^([^|]*)|(.*)$')
    if hash == body_hash then return { 'REPLAY', run } end
    count_call()
    return { 'CONFLICT' }
  end
  if ARGV[a + 7] == '1' then
    count_call()
    return { 'REFUSED' }
  end
  local reached, day_left, tokens_left = limit_reached(kind, ARGV[a + 8], ARGV[a + 9], ARGV[a + 10])
  if reached then return { reached, day_left, tokens_left } end

  count_call()
  add(KEYS[2], day_requests, 1)
  local entry = { kind = kind, node = incarnation, day = today, tokens = tonumber(ARGV[a + 11]), started = now_ms, agent = agent }
  redis.call('HSET', KEYS[3], id, entry_text(entry))
  if kind == 'r' then write_run(k, id, idempotent, body_hash, ARGV[a + 14]) end
  return { 'OK', integer(now_ms), day_left, tokens_left }
end
