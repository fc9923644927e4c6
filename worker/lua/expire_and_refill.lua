-- Does one round of the dispatcher over one batch: gives scans whose lease expired (their process
-- died) back to the backlog, then takes scans from the backlog for the queue.
-- ARGV: room in the queue; 1 if leases may end (0 just after an outage of Redis, in which no process
-- could renew); 1 if the queue is empty; seconds after which an issued scan then counts as lost;
-- deaths allowed (the batch's own number of attempts overrides it); text of the result of a scan
-- that died too often; the caller's time; seconds by which that time may be old: a command that
-- waited in a socket while Redis was stopped must not end leases.
-- Returns {'ok', number of scans that died too often, number of those that died and are tried again,
-- the former, the latter, scans to be published ...}.
local room, may_end, is_empty, issued, deaths_allowed, killed, asked_at, age = unpack(ARGV)
local function take(key, until_when, what)
  for _, scan in ipairs(redis.call('ZRANGEBYSCORE', P .. key, '-inf', until_when, 'LIMIT', 0, 500)) do
    redis.call('ZREM', P .. key, scan)
    what(scan)
  end
end
local function put_back(scan)
  if read(scan) == 'q' then redis.call('RPUSH', P .. ':backlog', scan) end
end
local time = now()
local attempts = tonumber(redis.call('HGET', P, 'max_attempts') or 0)
local dead, died = {}, {}
local function answer(scans)
  local said = {'ok', #dead, #died}
  for _, some in ipairs({dead, died, scans}) do
    for _, scan in ipairs(some) do said[#said + 1] = scan end
  end
  return said
end
if may_end == '1' and time - asked_at < tonumber(age) then
  take(':leases', time, function(scan)
    local state, begun, deaths, faults, holder = read(scan)
    if state ~= 'r' then return end
    redis.call('HDEL', P .. ':tokens', holder)
    deaths = deaths + 1
    local is_last = deaths >= tonumber(deaths_allowed)
    if attempts > 0 then is_last = deaths + faults >= attempts end
    if is_last then
      local text = string.gsub(killed, '@ times', deaths == 1 and 'once' or deaths .. ' times')
      write(scan, 'r', 'f', begun, deaths, faults, text)
      dead[#dead + 1] = scan
    else
      died[#died + 1] = scan
      write(scan, 'r', 'q', begun, deaths, faults, '')
      redis.call('LPUSH', P .. ':backlog', scan)
    end
  end)
  close()
end
if redis.call('HEXISTS', P, 'cancelled') == 1 and count('running') == 0 then
  redis.call('ZREM', OPEN, redis.call('HGET', P, 'id'))
end
if redis.call('HEXISTS', P, 'cancelled') == 1 or redis.call('HEXISTS', P, 'finished') == 1
  or redis.call('HEXISTS', P, 'paused') == 1 then
  return answer({})
end
take(':due', time, put_back)
if is_empty == '1' then take(':issued', time - issued, put_back) end
if tonumber(room) < 1 then return answer({}) end
local scans = redis.call('LPOP', P .. ':backlog', room) or {}
for _, scan in ipairs(scans) do redis.call('ZADD', P .. ':issued', time, scan) end
return answer(scans)
