-- Applies one user's interactions: last writer wins per (user, item, event type), and the item's popularity
-- moves by the difference, in one atomic step. Order and repetition do not matter.
-- KEYS[1] the user's history, KEYS[2] the popularity of the user's shard
-- ARGV    item_id, entry, item_id, entry, ...   (contracts/records.py: encode_entry)
-- returns how many entries changed
local ENTRY, ENTRY_SIZE, RATING = '>BdI4I4I4I4i4', 29, 4
local COUNTERS = '>I4dI4I4I4I4I4I4'

-- Numbers are compared one by one: Lua compares strings by the server's locale.
local function wins(new, old)
    for field = 2, 7 do
        if new[field] ~= old[field] then return new[field] > old[field] end
    end
    return false
end

local changed = 0
for i = 1, #ARGV, 2 do
    local item, entry = ARGV[i], ARGV[i + 1]
    local stored = redis.call('HGET', KEYS[1], item) or ''
    local new, old = {struct.unpack(ENTRY, entry)}, nil
    local at = 1 -- entries lie in the order of their type codes
    while at <= #stored do
        local candidate = {struct.unpack(ENTRY, stored, at)}
        if candidate[1] == new[1] then old = candidate end
        if candidate[1] >= new[1] then break end
        at = at + ENTRY_SIZE
    end
    if not old or wins(new, old) then
        local rest = old and at + ENTRY_SIZE or at
        redis.call('HSET', KEYS[1], item, stored:sub(1, at - 1) .. entry .. stored:sub(rest))
        local raw = redis.call('HGET', KEYS[2], item)
        local counters = raw and {struct.unpack(COUNTERS, raw)} or {0, 0, 0, 0, 0, 0, 0, 0}
        if stored == '' then counters[1] = counters[1] + 1 end
        if new[1] == RATING then counters[2] = counters[2] + new[7] - (old and old[7] or 0) end
        if not old then counters[2 + new[1]] = counters[2 + new[1]] + 1 end
        redis.call('HSET', KEYS[2], item, struct.pack(COUNTERS, unpack(counters, 1, 8)))
        changed = changed + 1
    end
end
return changed
