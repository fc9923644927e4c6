-- Stops a batch: what is at work is finished, nothing more is begun.
redis.call('HSET', P, 'cancelled', now())
redis.call('DEL', P .. ':backlog', P .. ':issued', P .. ':due')
return {'ok', count('scans') - count('done') - count('skipped') - count('failed') - count('running')}
