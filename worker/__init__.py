"""Fifty thousand scans overnight: `core.job.run` behind Celery on Redis.

How nothing is lost and nothing is done twice:

* Redis delivers *at least once*. A message names a batch and a scan, nothing else; it is a tap on
  the shoulder, never the truth. It may come twice, late or not at all.
* A job is *idempotent*: its result is put in place by an atomic rename and carries the job key
  (contract 3), so that doing it again finds it done. At least once + idempotent = effectively once.
* The truth is the *ledger* (`worker.ledger`): per batch, what was asked and what became of it.
  Each of its steps is one Lua script, so that each is a compare-and-set: a scan is begun by the one
  who moves it from queued to running, and finished once.
* Who begins a scan holds a *lease*, renewed while the work goes on. A process that dies, by
  whatever hand, stops renewing; the scan goes back to the backlog and the death is counted under
  (batch, scan). After `DEATHS` deaths the scan is quarantined as failed, "killed its worker".
* The Celery queue is kept shallow: `worker.dispatcher`, a thread in every worker, moves scans from
  the backlog to the queue, puts back what a message lost on its way, ends leases, and wakes those
  that wait after a transient fault. Every step of it may be repeated, or done by two at once.
* Every scan of an unfinished batch stands in a list, has a lease, or is finished: the *invariant*
  (`worker.invariant`), which workers check and restore once a minute.
* Leases do not end while Redis was silent: nobody could renew them then.
* Batches of one queue take turns: a message brings a process, and the ledger says for which batch
  (start-time fair queueing by `policy.WEIGHTS`, in lua/prelude.lua).
* All times are Redis' own (`TIME`), so that clocks may differ between machines.

`commands`, `batch_commands` and `submit_commands` have the commands; `submission` and `application`
are the two ends. celery, redis and fsspec are imported when a command runs.
"""
