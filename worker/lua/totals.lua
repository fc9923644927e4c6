-- Returns the numbers of scans by the counters and by the lists: {'ok', queued, listed, running,
-- leased}. A queued scan may be in two lists, but never in none: listed < queued is a fault.
local over = count('running') + count('done') + count('skipped') + count('failed')
local listed = redis.call('LLEN', P .. ':backlog') + redis.call('ZCARD', P .. ':issued')
  + redis.call('ZCARD', P .. ':due')
return {'ok', count('scans') - over, listed, count('running'), redis.call('ZCARD', P .. ':leases')}
