-- Says that all scans of the batch have been asked for.
redis.call('HSET', P, 'sealed', 1)
if redis.call('HEXISTS', P, 'finished') == 0 then close() end
return {'ok'}
