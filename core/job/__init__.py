"""Plans and colours files; the command line, the queue and the server all call `run`.

`plan` turns files and folders into `Job`s, `run` colours one file and returns an `Outcome`,
`run_all` runs many jobs on several processes, and `report_line` writes an outcome as the line that
the report, the ledger and the log hold.
"""

from core.job.job import Job, Outcome, job_key, report_line
from core.job.one_file import run
from core.job.planning import plan
from core.job.pool import run_all
from core.job.selection import Selection
from core.options import EXISTING

__all__ = [
    "EXISTING",
    "Job",
    "Outcome",
    "Selection",
    "job_key",
    "plan",
    "report_line",
    "run",
    "run_all",
]
