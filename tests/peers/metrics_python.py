"""prometheus-client's parser takes the page of a session that runs.

    metrics_python.py URL PARTITIONS
"""

import sys
from urllib.request import Request, urlopen

from prometheus_client.openmetrics.parser import text_string_to_metric_families

url, partitions = sys.argv[1], int(sys.argv[2])
passed = failed = 0


def check(what, holds, seen):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"{what}: {seen!r}")


with urlopen(Request(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"}), timeout=10) as reply:
    kind, text = reply.headers["Content-Type"], reply.read().decode()
check("content type", kind == "application/openmetrics-text; version=1.0.0; charset=utf-8", kind)
families = {family.name: family for family in text_string_to_metric_families(text)}


def samples(name):
    return {tuple(sample.labels.values()): sample.value for sample in families[name].samples}


check("health", sum(samples("streamgauge_health").values()) == 1, samples("streamgauge_health"))
statuses = samples("streamgauge_partitions")
check("statuses", sum(statuses.values()) == partitions, statuses)
ends = samples("streamgauge_log_end")
check("log ends", len(ends) == partitions, ends)
up = samples("streamgauge_station_up")
check("stations", up and all(value == 1 for value in up.values()), up)
lags = samples("streamgauge_lag_events")
check("lag", len(lags) <= partitions and all(value >= 0 for value in lags.values()), lags)
check("target", samples("streamgauge_target_events_per_second") == {(): 50}, families)
events = samples("streamgauge_events")
check("events", events[("due",)] >= events[("acknowledged",)] > 0, events)
rates = samples("streamgauge_events_per_second")
check("rates", rates[("enqueued",)] > 0, rates)

print(f"{passed} passed, {failed} failed")
