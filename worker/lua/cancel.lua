-- Stops a batch: scans at work are finished, no more are begun. Returns {'ok', scans not begun}.
redis.call('HSET', P, 'cancelled', now())
redis.call('DEL', P .. ':backlog', P .. ':issued', P .. ':due')
return {'ok', count('scans') - count('done') - count('skipped') - count('failed') - count('running')}
