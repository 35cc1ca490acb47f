-- Moves applied offsets on, all or none: only from where the writer has left them, and only while no later
-- service has taken the lease.
-- KEYS: hash of applied offsets, the epoch of the lease. ARGV: the writer's epoch (0: it has none), then for each
-- partition its name, the offset that it must have ("" for any), its next offset.
-- Returns false where all were moved, else a partition that has another offset, or "" where the writer was replaced.
local epoch, newest = tonumber(ARGV[1]), tonumber(redis.call('GET', KEYS[2]) or '0')
if epoch > 0 and newest > epoch then
  return ''
end
for i = 2, #ARGV, 3 do
  if ARGV[i + 1] ~= '' and redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then
    return ARGV[i]
  end
end
for i = 2, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
end
return false
