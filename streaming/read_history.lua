-- What a fold-in reads of one user.
-- KEYS  the user's history, recent     ARGV  how many of the newest items at most
-- returns {item_id, entries, item_id, entries, ...}, {item_id, ...}: the items read, and further known ones
local cap = tonumber(ARGV[1])
if redis.call('HLEN', KEYS[1]) <= cap then return {redis.call('HGETALL', KEYS[1]), {}} end
local items, read = redis.call('ZREVRANGE', KEYS[2], 0, cap - 1), {}
for start = 1, #items, 1000 do
    local some = {unpack(items, start, math.min(start + 999, #items))}
    local raws = redis.call('HMGET', KEYS[1], unpack(some))
    for i, item in ipairs(some) do
        if raws[i] then
            read[#read + 1] = item
            read[#read + 1] = raws[i]
        end
    end
end
return {read, redis.call('HKEYS', KEYS[1])}
