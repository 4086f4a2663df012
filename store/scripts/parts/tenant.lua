-- -- the tenant and its keys ----------------------------------------------------------------------

local version, active, fenced -- known once `verdicts` is
local verdicts                -- hash of a key -> whether it may act now

local function forget_tenant() verdicts = nil end

local function judge(stored)
  if not active or not stored then return false end
  local expires = tonumber(match(stored, '^(%d+)|'))
  return expires == 0 or expires > now_s
end

-- Reads the tenant once a call, and with it the first key that is asked for.
local function know_tenant(hash)
  if verdicts then return end
  local stored = call('HMGET', keys[1], 'v', 'state', 'f:' .. incarnation, 'k:' .. (hash or ''))
  version, active, fenced = stored[1], stored[2] == 'active', stored[3]
  verdicts = {}
  if hash then verdicts[hash] = judge(stored[4]) end
end

-- Whether the key of this hash may act now; `stamp` is its id where its last use is to be noted.
local function key_is_good(hash, stamp)
  look_at_clock()
  know_tenant(hash)
  local verdict = verdicts[hash]
  if verdict == nil then
    verdict = judge(call('HGET', keys[1], 'k:' .. hash))
    verdicts[hash] = verdict
  end
  if verdict and stamp ~= '' then
    call('HSET', keys[4], stamp, clock[1])
  end
  return verdict
end

local function count_call()
  know_tenant()
  if not active then return end
  look_at_clock()
  local of_day, of_month = rows_of(day_row, month_row)
  of_day[CALLS] = of_day[CALLS] + 1
  of_month[CALLS] = of_month[CALLS] + 1
  change(day_row, of_day)
  change(month_row, of_month)
end
