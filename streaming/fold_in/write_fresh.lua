-- Writes the folded-in lists of some users of one shard, each unless a list from a later reading of the
-- history is there already. Who has no history left (all erased) needs no list of the next model.
-- KEYS  the shard's pending, active, cooling, then each user's fresh, history
-- ARGV  seconds to live, then each user's list (contracts/stored/records.py: encode_fresh), user_id, when the
--       user's last event arrived (ms), when the list is to be made again (ms; 0: never)
-- returns how many were written
local PENDING, ACTIVE, COOLING, SECONDS = KEYS[1], KEYS[2], KEYS[3], ARGV[1]

local function write(fresh, history, list, user, arrived, due)
    local read_at = struct.unpack('>d', list)
    local old = redis.call('GETRANGE', fresh, 0, 7)
    if old ~= '' and struct.unpack('>d', old) > read_at then return 0 end
    redis.call('SET', fresh, list, 'EX', SECONDS)
    local has_history = redis.call('EXISTS', history) == 1
    if has_history then
        redis.call('ZADD', ACTIVE, 'GT', arrived, user) -- a list that is made again is no activity
    else
        redis.call('ZREM', ACTIVE, user)
    end
    if has_history and due ~= '0' then
        redis.call('ZADD', COOLING, due, user)
    else
        redis.call('ZREM', COOLING, user)
    end
    local queued = redis.call('ZSCORE', PENDING, user)
    if queued and tonumber(queued) <= read_at / 1000 then redis.call('ZREM', PENDING, user) end
    return 1
end

local written = 0
for i = 1, (#KEYS - 3) / 2 do
    local list, user, arrived, due = unpack(ARGV, 4 * i - 2, 4 * i + 1)
    written = written + write(KEYS[2 * i + 2], KEYS[2 * i + 3], list, user, arrived, due)
end
return written
