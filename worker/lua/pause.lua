-- Pauses a batch, or lets it go on. ARGV: 1 to pause. Scans at work are finished.
if ARGV[1] == '1' then redis.call('HSET', P, 'paused', now()) else redis.call('HDEL', P, 'paused') end
return {'ok'}
