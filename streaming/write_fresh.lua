-- Writes one user's folded-in list, unless a list from a later reading of the history is there already.
-- Who has no history left (all erased) needs no list of the next model.
-- KEYS  the user's fresh, its shard's pending, active, the user's history
-- ARGV  list (contracts/records.py: encode_fresh), seconds to live, user_id
-- returns whether it was written
local read_at = struct.unpack('>d', ARGV[1])
local old = redis.call('GET', KEYS[1])
if old and struct.unpack('>d', old) > read_at then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
if redis.call('EXISTS', KEYS[4]) == 1 then
    redis.call('ZADD', KEYS[3], math.floor(read_at / 1000), ARGV[3])
else
    redis.call('ZREM', KEYS[3], ARGV[3])
end
local queued = redis.call('ZSCORE', KEYS[2], ARGV[3])
if queued and tonumber(queued) <= read_at / 1000 then redis.call('ZREM', KEYS[2], ARGV[3]) end
return 1
