-- Puts scans into the lists in which they belong. ARGV: 1 to empty the backlog first, scans.
-- Called with all scans of a batch, chunk by chunk, it rebuilds the backlog.
if ARGV[1] == '1' then redis.call('DEL', P .. ':backlog') end
for i = 2, #ARGV do
  local scan = ARGV[i]
  local state = read(scan)
  if state == 'q' and not redis.call('ZSCORE', P .. ':due', scan)
    and not redis.call('ZSCORE', P .. ':issued', scan) then
    redis.call('RPUSH', P .. ':backlog', scan)
  elseif state == 'r' then
    redis.call('ZADD', P .. ':leases', 'NX', now(), scan)
  else
    redis.call('ZREM', P .. ':leases', scan)
  end
end
return {'ok'}
