-- Redis TIME decides: now_s and now_ms.
--#include dates.lua
local clock = redis.call('TIME')
local now_s = tonumber(clock[1])
local now_ms = now_s * 1000 + math.floor(tonumber(clock[2]) / 1000)
