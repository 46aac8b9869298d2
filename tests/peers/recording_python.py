"""A recording as DuckDB and pandas see it: the statements of recordings/README.md, run as they stand there.

Usage: recording_python.py TALLY_SQL LOG_ENDS_SQL PANDAS_PROGRAM EXPECTED

EXPECTED is a JSON object of what our own reader found. One line for each check; ends with "N passed, 0 failed", or with
what failed and a non-zero exit code.
"""

import json
import sys

import duckdb

NAMES = ("sent", "stored", "duplicated")

passed = 0


def check(what, found, expected):
    global passed
    if found != expected:
        sys.exit(f"FAILED: {what}: {found!r}, expected {expected!r}")
    passed += 1
    print(f"ok: {what}")


def main(tally, log_ends, program, expected):
    expected = json.loads(expected)
    counts = tuple(expected[name] for name in NAMES)
    found = duckdb.sql(tally).fetchall()
    check("DuckDB: the last tally", [row[1:] for row in found], [counts])
    found = duckdb.sql(log_ends).fetchall()
    check("DuckDB: the log end of each partition", [row[1] for row in found], expected["log_ends"])
    seen = {}
    exec(program, seen)
    check("pandas: the lines", len(seen["recording"]), expected["lines"])
    check("pandas: the marks", seen["marks"].tolist(), expected["marks"])
    check("pandas: the last tally", tuple(int(seen["tally"].iloc[-1][name]) for name in NAMES), counts)
    check("pandas: times are in order", bool(seen["tally"].index.is_monotonic_increasing), True)
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
