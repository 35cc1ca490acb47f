-- Moves applied offsets on, all or none: only from where the writer has left them.
-- KEYS: hash of applied offsets. ARGV: partition, offset that it must have, next offset; three for each partition.
-- Returns a partition that has another offset, false where all were moved.
for i = 1, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then
    return ARGV[i]
  end
end
for i = 1, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
end
return false
