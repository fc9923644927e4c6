-- Marks the submission of a batch as complete.
redis.call('HSET', P, 'sealed', 1)
if redis.call('HEXISTS', P, 'finished') == 0 then close() end
return {'ok'}
