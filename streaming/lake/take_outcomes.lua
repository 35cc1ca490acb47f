-- Takes outcomes from those that wait, once the lake has them: only where they are still the oldest ones.
-- (A Redis that went back meanwhile has others there.)
-- KEYS  the outcomes that wait  ARGV  how many, the last of them
if redis.call('LINDEX', KEYS[1], ARGV[1] - 1) == ARGV[2] then redis.call('LTRIM', KEYS[1], ARGV[1], -1) end
