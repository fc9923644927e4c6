"""Fifty thousand scans overnight: `core.job.run` behind Celery on Redis.

How nothing is lost and nothing is done twice:

* Redis delivers *at least once*. A message names a batch and a scan, nothing else: it tells a
  process to ask the ledger for work. It may come twice, late or not at all.
* A job is *idempotent*: its result is put in place by an atomic rename and carries the job key
  (contract 3), so that doing it again finds it done. At least once + idempotent = effectively once.
* The authority is the *ledger* (`worker.ledger`): it holds, for each batch, the submitted scans and
  their results. Each of its steps is one Lua script and so a compare-and-set: the process that
  moves a scan from queued to running begins it, and a scan is finished once.
* The process that begins a scan holds a *lease*, and renews it while the work goes on. A process
  that dies, for whatever reason, stops renewing; the scan goes back to the backlog and the death is
  counted under (batch, scan). After `DEATHS` deaths the scan is quarantined as failed, "killed its
  worker".
* The Celery queue is kept short: `worker.dispatcher`, a thread in every worker, moves scans from
  the backlog to the queue, puts scans back whose message was lost, ends leases, and requeues scans
  whose pause after a transient fault is over. Each of its steps may be repeated, or done by two
  workers at once.
* Every scan of an unfinished batch is in a list, has a lease, or is finished: the *invariant*
  (`worker.invariant`), which workers check and restore once a minute.
* Leases do not end for a while after Redis was silent, since no process could renew them.
* Batches of one queue take turns: a message brings a process, and the ledger says for which batch
  (start-time fair queueing by `policy.WEIGHTS`, in lua/prelude.lua).
* All times are Redis' own (`TIME`), so that clocks may differ between machines.

`commands`, `batch_commands` and `submit_commands` define the commands; `submission` fills the
ledger, `service` and `process` do the work. celery, redis and fsspec are imported when a command
runs.
"""
