-- Lets a stopped or finished batch go on, with the model of the first worker that claims a scan.
redis.call('HDEL', P, 'cancelled', 'pin')
open()
return {'ok'}
