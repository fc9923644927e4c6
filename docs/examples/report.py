"""A table of what became of each file: `python report.py night.jsonl`.

`photochrom colorize scans/ -o coloured/ --report night.jsonl` wrote the lines. With pandas; without
it the same sums are made with the standard library.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path


def main(report: str) -> None:
    try:
        import pandas
    except ImportError:
        plainly(Path(report))
        return
    table = pandas.read_json(report, lines=True)
    print(table.groupby("status")["seconds"].agg(["count", "sum"]).round(2))
    failed = table[table["status"] == "failed"]
    if len(failed):
        print(pandas.json_normalize(list(failed["error"]))["kind"].value_counts().to_string())


def plainly(report: Path) -> None:
    seconds: defaultdict[str, float] = defaultdict(float)
    kinds: Counter[str] = Counter()
    for line in report.read_text().splitlines():
        outcome = json.loads(line)
        seconds[outcome["status"]] += outcome.get("seconds", 0.0)
        if "error" in outcome:
            kinds[outcome["error"]["kind"]] += 1
    for status, total in sorted(seconds.items()):
        print(f"{status}: {total:.2f} s")
    for kind, count in kinds.most_common():
        print(f"{kind}: {count}")


if __name__ == "__main__":
    main(*sys.argv[1:])
