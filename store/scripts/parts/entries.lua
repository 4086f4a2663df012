-- -- open entries: KIND|INCARNATION|DAY|TOKENS|STARTED_MS|AGENT_ID --------------------------------

local function parse_entry(text)
  local kind, node, day, tokens, started, agent = match(text, '^(%a)|([^|]*)|([^|]*)|(%d+)|(%d+)|(.*)$')
  return { kind = kind, node = node, day = day, tokens = tonumber(tokens), started = tonumber(started), agent = agent }
end

local function entry_text(e)
  return e.kind .. '|' .. e.node .. '|' .. e.day .. '|' .. integer(e.tokens) .. '|' .. integer(e.started) .. '|' .. e.agent
end

-- Ends an open entry: everything that is written and counted at the end of a run or chat. `record` is
-- '' where there is none.
local function close_entry(id, e, status, tokens, duration, record_key, record)
  local day, month_of_day = 'd' .. e.day, 'm' .. sub(e.day, 1, 7)
  local agent = e.kind == 'r' and 'a' .. e.agent
  local of_day, of_month, of_agent = rows_of(day, month_of_day, agent)
  if record ~= '' then call('SET', record_key, record) end
  call('HDEL', keys[3], id)
  of_day[TOKENS] = of_day[TOKENS] + tokens
  of_month[TOKENS] = of_month[TOKENS] + tokens
  change(day, of_day)
  change(month_of_day, of_month)
  if agent then
    local ended = AGENT_ENDS[status]
    of_agent[ended] = of_agent[ended] + 1
    of_agent[AGENT_TOKENS] = of_agent[AGENT_TOKENS] + tokens
    of_agent[AGENT_DURATION] = of_agent[AGENT_DURATION] + duration
    change(agent, of_agent)
  end
end
