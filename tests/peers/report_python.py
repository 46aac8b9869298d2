"""Other people's tools over what streamgauge reports and exports.

    report_python.py RECORDING REPORT.json CSV PARQUET METRICS LATENCY=HLOG...

DuckDB recounts the report's sums from the raw lines, and reads CSV and Parquet; `report_recount.py` counts rates, minutes, lag
and percentiles again; the reader of Python's hdrhistogram gives the
same percentiles; prometheus-client's parser takes the page of metrics.
"""

import json
import math
import os
import sys

import duckdb
import pandas
import zstandard
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from prometheus_client.openmetrics.parser import text_string_to_metric_families

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from report_recount import Recount

recording, report_file, csv_file, parquet_file, metrics_file, *logs = sys.argv[1:]
passed = failed = 0


def check(what, seen, expected, within=0):
    global passed, failed
    near = within and None not in (seen, expected) and abs(seen - expected) <= within
    if seen == expected or near:
        passed += 1
    else:
        failed += 1
        print(f"{what}: {seen!r}, expected {expected!r}")


report = json.load(open(report_file))
with open(recording, "rb") as raw:
    text = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True).read()
lines = [json.loads(line) for line in text.splitlines()[1:] if line.strip()]


def column(kind, name):
    """The values of one field of one kind of line, in order."""
    return [line[kind][name] for line in lines if kind in line]


stages = {stage["stage"]: stage for stage in report["stages"]}
for stage, name in [("due", "due"), ("sent", "sent"), ("acknowledged", "acknowledged")]:
    counts = column("load", name)
    check(f"{stage}, events", stages[stage]["events"], counts[-1] - counts[0])
stored = column("tally", "stored")
check("stored, events", stages["stored"]["events"], stored[-1] - stored[0])
for name in ["sent", "copies", "acknowledged", "stored", "duplicated", "lost", "judged"]:
    check(f"tally, {name}", report["tally"][name], column("tally", name)[-1])
# Recordings from before the order was watched have no such figure.
for name in ["out_of_order", "order_undecided"]:
    check(f"tally, {name}", report["tally"][name], [line["tally"].get(name) for line in lines if "tally" in line][-1])
throttled = column("processor", "throttled")
check("throttled", report["capacity"]["throttled"], throttled[-1] - throttled[0])
charge = column("processor", "charge")
check("charge", report["capacity"]["charge"], charge[-1] - charge[0], within=0.01)

# Columns of a line become rows; the first and the last of each partition make the sum.
rows = pandas.DataFrame(
    [(partition, last) for line in lines if "log_end" in line
     for partition, last in zip(line["log_end"]["partition"], line["log_end"]["last"])],
    columns=["partition", "last"])
db = duckdb.connect()
enqueued = db.sql(
    "with numbered as (select row_number() over () as place, * from rows) "
    "select partition, arg_max(last, place) - arg_min(last, place) as events from numbered "
    "group by partition order by partition").fetchall()
check("enqueued, by partition", [(part["partition"], part["enqueued"]) for part in report["lag"]["partitions"]], enqueued)
check("enqueued, events", stages["enqueued"]["events"], sum(events for _, events in enqueued))

# Rates, minutes, lag and percentiles, counted again. Rates are told in thousandths.
again = Recount(lines, report["session"]["warm_up"])
RATE = 0.0015


def second_of(at):
    return (at - again.begin) / 1e6


def check_peak(what, told, peak):
    check(what, told and told["value"], peak.value)
    check(f"{what}, when", told and told["when"]["second"], peak.at and second_of(peak.at), within=0.001)


for name, stage in stages.items():
    counted, looked = again.stages[name].total()
    check(f"{name}, events again", stage["events"], counted, within=0.5)
    check(f"{name}, mean", stage["mean"], counted / looked * 1e6, within=RATE)
    minutes = again.minutes(name)
    for which, choose in [("best_minute", max), ("worst_minute", min)]:
        told = stage[which]
        if not minutes:
            check(f"{name}, {which}", told, None)
            continue
        rate = choose(rate for _, rate in minutes)
        check(f"{name}, {which}", told["rate"], rate, within=RATE)
        equal = [second_of(begin) for begin, other in minutes if abs(other - rate) <= RATE]
        check(f"{name}, {which}, when", any(abs(told["from"]["second"] - begin) < 0.001 for begin in equal), True)
check("stages that were seen", sorted(stages), sorted(name for name, stage in again.stages.items() if stage.counters))
counted, looked = again.charge.total()
check("charge, mean", report["capacity"]["mean"], counted / looked * 1e6, within=RATE)
# What was provisioned, from one change to the next, between the first look at the processor since it is known and the last.
changes = []
for line in lines:
    units = line.get("provisioned")
    units = units.get("autoscale") if isinstance(units, dict) else units
    if units is not None:
        changes.append((line["at"], units))
looks = [line["at"] for line in lines if "processor" in line and changes and line["at"] >= changes[0][0]]
ends = [at for at, _ in changes[1:]] + [looks[-1]]
provided = sum(units * max(0, min(end, looks[-1]) - max(begin, looks[0])) for (begin, units), end in zip(changes, ends))
provided /= looks[-1] - looks[0]
check("provisioned, mean", report["capacity"]["provisioned_mean"], provided, within=RATE)
check("charge, share of what was provisioned", report["capacity"]["mean_share"], counted / looked * 1e6 / provided, within=RATE)
counted, looked = again.bytes.total()
check("bytes, mean", report["capacity"]["ingest_bytes"], counted / looked * 1e6, within=0.51)
check_peak("lag, most", report["lag"]["most_events"], again.most_of_all)
for part in report["lag"]["partitions"]:
    number = part["partition"]
    check(f"processed, partition {number}", part["processed"], again.stages["processed"].of(number), within=0.5)
    check_peak(f"lag, most of partition {number}", part["most_events"], again.most[number])
    check(f"lag, partition {number} at the end", part["at_end"], again.at_end(number))
# Histograms have two significant digits: a value may be told as any in its bucket, at most 1 % away.
BUCKET = 0.01
for told in report["latencies"]:
    name = told["latency"]
    check(f"{name}, count again", told["count"], again.histograms[name].get_total_count())
    for percentile, field in [(50, "p50"), (90, "p90"), (99, "p99"), (99.9, "p99_9"), (100, "max")]:
        check(f"{name}, {field} again", told[field], again.percentile(name, percentile), within=BUCKET * told[field])

# The tables: the same rows, with types in Parquet.
for name, source in [("csv", f"read_csv('{csv_file}')"), ("parquet", f"read_parquet('{parquet_file}')")]:
    seen = db.sql(
        f"select count(*), count(distinct \"at\"), count(distinct \"partition\"), max(second), "
        "max(lag_events), max(lag_seconds), count(*) filter (status = 'ok'), "
        "count(*) filter (status = 'blind' and coalesce(lag_events, missed_events, lag_seconds) is not null), "
        f"count(*) filter (status = 'blind') from {source}").fetchall()[0]
    partitions = len(report["lag"]["partitions"])
    check(f"{name}, rows", seen[0], seen[1] * partitions)
    check(f"{name}, partitions", seen[2], partitions)
    known = [part["most_events"]["value"] for part in report["lag"]["partitions"] if part["most_events"]]
    check(f"{name}, most", seen[4], max(known))
    check(f"{name}, oldest", seen[5], report["lag"]["longest"]["value"])
    check(f"{name}, seconds ok", seen[6], report["lag"]["statuses"].get("ok", 0))
    check(f"{name}, lag of the blind", seen[7], 0)
    check(f"{name}, seconds blind", seen[8], report["lag"]["statuses"].get("blind", 0))
types = db.sql(f"describe select * from read_parquet('{parquet_file}')").fetchall()
check("parquet, types", [kind for _, kind, *_ in types], [
    "TIMESTAMP WITH TIME ZONE", "DOUBLE", "INTEGER", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "DOUBLE",
    "BOOLEAN", "DOUBLE", "DOUBLE", "VARCHAR", "VARCHAR"])
same = db.sql(
    f"select count(*) from read_csv('{csv_file}') c join read_parquet('{parquet_file}') p "
    'on c.second = p.second and c."partition" = p."partition" '
    "where c.log_last is not distinct from p.log_last "
    "and c.position is not distinct from p.position and c.lag_seconds is not distinct from p.lag_seconds "
    "and c.status = p.status and c.owner is not distinct from nullif(p.owner, '')").fetchall()[0][0]
check("csv and parquet say the same", same, db.sql(f"select count(*) from read_csv('{csv_file}')").fetchall()[0][0])

# The logs of latencies: every percentile of the sum of all intervals.
latencies = {latency["latency"]: latency for latency in report["latencies"]}
for log in logs:
    name, file = log.split("=", 1)
    reader = HistogramLogReader(file, HdrHistogram(1, 3_600_000_000, 2))
    total = HdrHistogram(1, 3_600_000_000, 2)
    while (interval := reader.get_next_interval_histogram()) is not None:
        total.add(interval)
    told = latencies[name]
    check(f"{name}, count", total.get_total_count(), told["count"])
    for percentile, field in [(50, "p50"), (90, "p90"), (99, "p99"), (99.9, "p99_9"), (100, "max")]:
        # Of 11,581 events 99.9 % are 11,569.4: we take the 11,570th, so that no fewer are below, as HdrHistogram's reference
        # does; this port rounds to the 11,569th. It is asked for the same one.
        rank = math.ceil(percentile * told["count"] / 100 - 1e-9)
        seen = total.get_value_at_percentile(100 * rank / told["count"])
        check(f"{name}, {field}", seen / 1e6, told[field], within=1e-9)

# The page for Prometheus.
families = {family.name: family for family in text_string_to_metric_families(open(metrics_file).read())}
check("metrics, health", sum(sample.value for sample in families["streamgauge_health"].samples), 1)
check("metrics, partitions", sum(sample.value for sample in families["streamgauge_partitions"].samples), partitions)
events = {sample.labels["stage"]: sample.value for sample in families["streamgauge_events"].samples}
check("metrics, sent", events["sent"], column("load", "sent")[-1])
check("metrics, stored", events["stored"], report["tally"]["stored"])
lag = sum(sample.value for sample in families["streamgauge_lag_events"].samples)
check("metrics, lag", lag, report["lag"]["at_end"])

print(f"{passed} passed, {failed} failed")
