"""Files: planning them, the life of one, and what is said of it. `run` is the one way in.

`plan` turns files and folders into `Job`s, `run` colours one file and answers with an `Outcome`,
`run_all` runs many on several processes, `report_line` is what report, ledger and log hold of
each. The command line, the queue and the server all call these.
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
