-- -- counters: fields of {T}:u, each a row of figures `N|N|...` -----------------------------------
-- Rows are read when first needed, changed here, and written at the end of the batch.
--   dDATE     runs|tokens|API calls|executing requests of a UTC day
--   mMONTH    runs|tokens|API calls of a month
--   aAGENT_ID runs|completed|failed|cancelled|tokens|duration, ms|last run, unix ms: statistics

local RUNS, TOKENS, CALLS, REQUESTS = 1, 2, 3, 4
local AGENT_RUNS, AGENT_TOKENS, AGENT_DURATION, AGENT_LAST_RUN = 1, 5, 6, 7
local AGENT_ENDS = { completed = 2, failed = 3, cancelled = 4 }
local widths = { d = 4, m = 3, a = 7 }
local shapes = {
  d = '^(%d+)|(%d+)|(%d+)|(%d+)$',
  m = '^(%d+)|(%d+)|(%d+)$',
  a = '^(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)$',
}

local rows    -- field -> its figures, as numbers or as the text that was read
local changed -- fields whose rows are to be written

local function forget_counters() rows, changed = {}, {} end

local function read_row(field, kind, text)
  local row
  if text then
    row = { match(text, shapes[kind]) }
    if not row[1] then error('{T}:u holds no row of figures in ' .. field) end
  else
    row = { 0, 0, 0, 0 }
    for i = 5, widths[kind] do row[i] = 0 end
  end
  rows[field] = row
  return row
end

-- The rows of a day, its month and an agent (nil for a chat).
local function rows_of(day, month_of_day, agent)
  local d, m, a = rows[day], rows[month_of_day], agent and rows[agent]
  if not d and not m and agent and not a then
    local stored = call('HMGET', keys[2], day, month_of_day, agent)
    return read_row(day, 'd', stored[1]), read_row(month_of_day, 'm', stored[2]), read_row(agent, 'a', stored[3])
  end
  return d or read_row(day, 'd', call('HGET', keys[2], day)),
    m or read_row(month_of_day, 'm', call('HGET', keys[2], month_of_day)),
    agent and (a or read_row(agent, 'a', call('HGET', keys[2], agent)))
end

local function change(field, row)
  if not row.changed then
    row.changed = true
    changed[#changed + 1] = field
  end
end

local function write_counters()
  if not changed[1] then return end
  local written = {}
  for i, field in ipairs(changed) do
    local r, kind = rows[field], sub(field, 1, 1)
    written[2 * i - 1] = field
    if kind == 'd' then
      written[2 * i] = format('%d|%d|%d|%d', r[1], r[2], r[3], r[4])
    elseif kind == 'm' then
      written[2 * i] = format('%d|%d|%d', r[1], r[2], r[3])
    else
      written[2 * i] = format('%d|%d|%d|%d|%d|%d|%d', r[1], r[2], r[3], r[4], r[5], r[6], r[7])
    end
  end
  call('HSET', keys[2], unpack(written))
end
