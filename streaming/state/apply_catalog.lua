-- Keeps the newest entry of each item or user of the catalogue. Order and repetition do not matter.
-- KEYS[1] the catalogue's hash
-- ARGV    id, record, id, record, ...   (contracts/stored/records.py: encode_catalog; 16 digits of time lead)
local function wins(new, old)
    local a, b = tonumber(new:sub(1, 16)), tonumber(old:sub(1, 16))
    if a ~= b then return a > b end
    return redis.sha1hex(new) > redis.sha1hex(old) -- one instant, two texts: any order gives the same one
end

local changed = 0
for i = 1, #ARGV, 2 do
    local stored = redis.call('HGET', KEYS[1], ARGV[i])
    if not stored or wins(ARGV[i + 1], stored) then
        redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
        changed = changed + 1
    end
end
return changed
