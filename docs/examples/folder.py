"""A folder of scans, with a line for each: `python folder.py scans/ coloured/`.

Run again, it goes on where it was stopped; a file that fails keeps no other one waiting.
"""

import sys

import photochrom


def main(source: str, destination: str) -> int:
    failed = 0
    for outcome in photochrom.colorize_all(source, destination, processes=2, vividness=1.1):
        if outcome.error:
            failed += 1
            print(f"{outcome.source}: {outcome.error.message}")
        else:
            print(f"{outcome.source}: {outcome.status}, {outcome.output}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
