-- What a fold-in reads of a user with a long history.
-- KEYS  the user's history, recent     ARGV  how many of the newest items at most, how many known items at most
-- returns {item_id, entries, item_id, entries, ...}, {item_id, ...}: read, and all known if there are more of them,
-- but none where there are too many to be read
local CAP, MOST_KNOWN = tonumber(ARGV[1]), tonumber(ARGV[2])

local function newest(history, recent)
    local items, read = redis.call('ZREVRANGE', recent, 0, CAP - 1), {}
    for start = 1, #items, 1000 do
        local part = {unpack(items, start, math.min(start + 999, #items))}
        local raws = redis.call('HMGET', history, unpack(part))
        for i, item in ipairs(part) do
            if raws[i] then
                read[#read + 1] = item
                read[#read + 1] = raws[i]
            end
        end
    end
    return read
end

local history, recent = KEYS[1], KEYS[2]
local known = redis.call('HLEN', history)
if known <= CAP then return {redis.call('HGETALL', history), {}} end
if known > MOST_KNOWN then return {newest(history, recent), {}} end
return {newest(history, recent), redis.call('HKEYS', history)}
