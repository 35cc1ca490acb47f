-- Takes a lease, or makes it last longer, unless another holds it.
-- KEYS: the lease. ARGV: who asks, for how many milliseconds. Returns 1 where the one who asks holds it now.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
