-- Numbers and dates as text (days to civil: H. Hinnant, "chrono-Compatible Low-Level Date
-- Algorithms").
local function integer(n) return string.format('%d', n) end

local function date_of(unix_s)
  local z = math.floor(unix_s / 86400) + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local day = doy - math.floor((153 * mp + 2) / 5) + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02d', year, month, day)
end

local function rfc3339(unix_s)
  local s = unix_s % 86400
  return date_of(unix_s) .. string.format('T%02d:%02d:%02dZ', math.floor(s / 3600), math.floor(s / 60) % 60, s % 60)
end
