-- Lets a batch go on, with the model of the worker that comes first.
redis.call('HDEL', P, 'cancelled', 'pin')
open()
return {'ok'}
