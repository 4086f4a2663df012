-- Writes a key: its hash, the days it is good for ('' for ever), and the head of its JSON, which
-- is completed with the store's time.
local function put_key(hash, days, head)
  local expires = days == '' and 0 or now_s + tonumber(days) * 86400
  redis.call('HSET', KEYS[1], 'k:' .. hash, integer(expires) .. '|' .. head ..
    ',"created_at":' .. integer(now_s) ..
    ',"expires_at":' .. (expires == 0 and 'null' or integer(expires)) .. '}')
end
