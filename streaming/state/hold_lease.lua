-- Takes a lease, or makes it last longer, unless another holds it or has held it since.
-- KEYS: the lease, its epoch: how often it has changed hands. ARGV: who asks, for how many milliseconds, the epoch at
-- which it has taken the lease (0: not yet). Returns the epoch of the one who asks, 0 where it does not hold it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
local newest, epoch = tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[3])
if epoch > 0 and newest > epoch then
  return 0
end
if epoch == 0 then
  epoch = newest + 1
end
redis.call('SET', KEYS[2], epoch)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return epoch
