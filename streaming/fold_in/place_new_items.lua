-- Gives new items the factors that follow from their content, and a place in the list of new items.
-- KEYS  new_items, new_factors of a model version
-- ARGV  how many there may be, a factor of zero, item_id, field of its placed factor, the factor, ...
local changed = false
for at = 3, #ARGV, 3 do
    local item, field, factor = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local stored = redis.call('HGET', KEYS[2], field)
    local is_listed = redis.call('HEXISTS', KEYS[2], item) == 1
    if not is_listed and factor ~= ARGV[2] and redis.call('LLEN', KEYS[1]) < tonumber(ARGV[1]) then
        redis.call('HSET', KEYS[2], item, ARGV[2])
        redis.call('RPUSH', KEYS[1], item)
        is_listed = true
    end
    if is_listed and factor ~= (stored or ARGV[2]) then
        redis.call('HSET', KEYS[2], field, factor)
        changed = true
    end
end
if changed then redis.call('HINCRBY', KEYS[2], '', 1) end
