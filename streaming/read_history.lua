-- What a fold-in reads of some users of one shard.
-- KEYS  each user's history, recent     ARGV  how many of the newest items at most
-- returns for each user {item_id, entries, item_id, entries, ...}, {item_id, ...}: read, and further known
local CAP = tonumber(ARGV[1])

local function newest(history, recent)
    local items, read = redis.call('ZREVRANGE', recent, 0, CAP - 1), {}
    for start = 1, #items, 1000 do
        local some = {unpack(items, start, math.min(start + 999, #items))}
        local raws = redis.call('HMGET', history, unpack(some))
        for i, item in ipairs(some) do
            if raws[i] then
                read[#read + 1] = item
                read[#read + 1] = raws[i]
            end
        end
    end
    return read
end

local found = {}
for i = 1, #KEYS, 2 do
    local history = KEYS[i]
    if redis.call('HLEN', history) <= CAP then
        found[i], found[i + 1] = redis.call('HGETALL', history), {}
    else
        found[i], found[i + 1] = newest(history, KEYS[i + 1]), redis.call('HKEYS', history)
    end
end
return found
