-- Raises a number of a status; a lower one changes nothing.
-- KEYS  the status     ARGV  the field, the number
local held = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '')
if not held or held < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
