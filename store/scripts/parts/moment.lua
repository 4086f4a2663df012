-- -- now: Redis TIME decides. Asked for once a call, where an operation needs it. -----------------

-- Of the latest call; they are only what every node would work out again.
local today, month, today_begins = nil, nil, 0
local day_row, month_row -- the fields of their counters
local second_text, second_of_text

local function look_at_clock()
  if now_ms then return end
  clock = call('TIME')
  now_s = tonumber(clock[1])
  now_ms = now_s * 1000 + math.floor(tonumber(clock[2]) / 1000)
  if not today or now_s < today_begins or now_s >= today_begins + 86400 then
    today = date_of(now_s)
    month = sub(today, 1, 7)
    day_row, month_row = 'd' .. today, 'm' .. month
    today_begins = now_s - now_s % 86400
  end
end

local function now_text()
  if second_of_text ~= now_s then
    second_text, second_of_text = rfc3339(now_s), now_s
  end
  return second_text
end
