-- Gives new items a place in the list of new items, with a factor of zero until they get a provisional one.
-- KEYS  new_items, new_factors of a model version     ARGV  how many there may be, a factor of zero, item_id, ...
for place = 3, #ARGV do
    if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[1]) then break end
    if redis.call('HSETNX', KEYS[2], ARGV[place], ARGV[2]) == 1 then redis.call('RPUSH', KEYS[1], ARGV[place]) end
end
