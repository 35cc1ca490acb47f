-- Moves applied offsets on, all or none: only from where the writer has left them.
-- KEYS: hash of applied offsets. ARGV: source, offset it must stand at, next offset; three for each source.
-- Returns the source that stands elsewhere, false where all were moved.
for i = 1, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then
    return ARGV[i]
  end
end
for i = 1, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
end
return false
