-- Writes a new agent: the head of its JSON is completed with the store's time.
local function put_agent(agents, name, head)
  redis.call('HSET', agents, name, head .. ',"created_at":' .. integer(now_ms) .. '}')
end
