-- Gives a new item its provisional factor, and a place in the list of new items when it has none yet.
-- KEYS  new_items, new_factors of a model version     ARGV  item_id, factor
if redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) == 1 then redis.call('RPUSH', KEYS[1], ARGV[1]) end
redis.call('HINCRBY', KEYS[2], '', 1)
