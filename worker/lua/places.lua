-- Where scans stand. ARGV: scans. Answers {'ok', for each its state and the first letters of due,
-- issued, leased}, as 'qi' for a queued one whose message was sent.
local answer = {'ok'}
for i, scan in ipairs(ARGV) do
  local text = read(scan)
  for _, part in ipairs({':due', ':issued', ':leases'}) do
    if redis.call('ZSCORE', P .. part, scan) then text = text .. string.sub(part, 2, 2) end
  end
  answer[i + 1] = text
end
return answer
