-- How many scans the counters say, and how many stand in the lists. Answers {'ok', queued, listed,
-- running, leased}. A queued scan may stand in two lists, never in none: listed < queued is a fault.
local over = count('running') + count('done') + count('skipped') + count('failed')
local listed = redis.call('LLEN', P .. ':backlog') + redis.call('ZCARD', P .. ':issued')
  + redis.call('ZCARD', P .. ':due')
return {'ok', count('scans') - over, listed, count('running'), redis.call('ZCARD', P .. ':leases')}
