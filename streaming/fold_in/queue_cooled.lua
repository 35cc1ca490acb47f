-- Lets users wait whose lists are to be made again, as their last event is old by now. Who is not active any more
-- needs no list.
-- KEYS  the shard's cooling, pending, active     ARGV  now (ms), how many users at most
-- returns how many wait
local COOLING, PENDING, ACTIVE = KEYS[1], KEYS[2], KEYS[3]

local queued = 0
for _, user in ipairs(redis.call('ZRANGEBYSCORE', COOLING, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
    local arrived = redis.call('ZSCORE', ACTIVE, user)
    if arrived then
        redis.call('ZADD', PENDING, 'GT', arrived, user)
        queued = queued + 1
    end
    redis.call('ZREM', COOLING, user)
end
return queued
