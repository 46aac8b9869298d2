"""What a report says, counted again from the raw lines of a recording and in another way than streamgauge does.

A counter is a broken line through its looks. What it counted until a moment is read off that line, so a minute counted what
the line rises between its edges. A minute is whole if looks span at least 55 s of it, and its rate is per second looked at.
"""

import base64
import math
import struct
import zlib

import numpy
from hdrh.histogram import HdrHistogram

MINUTE = 60_000_000
WHOLE = 55_000_000
SECOND = 1_000_000
# A log end or a position that was not read for so long says nothing of now.
STALE = 5_000_000


def facts(lines):
    """Every fact in its order, as (moment in microseconds, kind, values); columns become rows."""
    for line in lines:
        at = line["at"]
        (kind, values), = [(kind, values) for kind, values in line.items() if kind != "at"]
        if not isinstance(values, dict) or "after" not in values:
            yield at, kind, values
            continue
        for row, gap in enumerate(values["after"]):
            at += gap
            yield at, kind, {name: column[row] for name, column in values.items() if name != "after"}


class Counter:
    """The looks at one counter, in stretches over which what it counted is known."""

    def __init__(self):
        self.stretches = []
        self.open = False

    def look(self, at, count):
        if self.open:
            last_at, last = self.stretches[-1][-1]
            if at <= last_at:
                return
            # A count that went back began anew.
            self.open = count >= last
        if not self.open:
            self.stretches.append([])
            self.open = True
        self.stretches[-1].append((at, count))

    def forget(self):
        self.open = False

    def between(self, begin, end):
        """What it counted between two moments, and for how many microseconds of them it was looked at."""
        counted = looked = 0
        for stretch in self.stretches:
            times, counts = zip(*stretch)
            # Small numbers: a moment in microseconds since 1970 leaves a float no digits for shares.
            times = numpy.array(times, dtype=numpy.int64) - stretch[0][0]
            edges = numpy.interp([begin - stretch[0][0], end - stretch[0][0]], times, counts)
            counted += edges[1] - edges[0]
            looked += max(0, min(end, stretch[-1][0]) - max(begin, stretch[0][0]))
        return counted, looked


class Stage:
    """The counters of one stage."""

    def __init__(self):
        self.counters = {}

    def look(self, key, at, count):
        self.counters.setdefault(key, Counter()).look(at, count)

    def forget(self, key):
        if key in self.counters:
            self.counters[key].forget()

    def between(self, begin, end):
        each = [counter.between(begin, end) for counter in self.counters.values()]
        # Of several counters each was looked at for the time: the mean of them is that of the stage.
        return sum(counted for counted, _ in each), sum(looked for _, looked in each) / max(len(each), 1)

    def of(self, key):
        return self.counters[key].between(0, 1 << 62)[0] if key in self.counters else 0

    def total(self):
        return self.between(0, 1 << 62)

    def whole_minutes(self, origin, begin, end):
        """(begin of the minute, rate) of each whole minute; minutes are counted from the origin, forth and back."""
        first, last = (begin - origin) // MINUTE, (end - origin) // MINUTE
        for number in range(first, last + 1):
            edge = origin + number * MINUTE
            counted, looked = self.between(edge, edge + MINUTE)
            if looked >= WHOLE:
                yield edge, counted / looked * SECOND


class Partition:
    """Lag of one partition, as of its last log end."""

    def __init__(self):
        self.log_end = self.position = None
        self.position_is_read = False
        self.lag = None

    def sees(self, at):
        read = self.log_end is not None and self.position_is_read
        return read and at - self.log_end_at <= STALE and at - self.position_at <= STALE

    def look(self, at, kind, row):
        if kind == "position":
            self.position_at, self.position_is_read = at, True
            self.position = next_of(row)
            return
        self.log_end_at, self.log_end = at, row["last"]
        if self.position is not None:
            waiting_from = max(self.position, min(max(row["earliest"], 0), max(row["last"] + 1, 0)))
            self.lag = max(0, row["last"] + 1 - waiting_from)
        elif self.position_is_read:
            self.lag = None


def next_of(row):
    """The next event to be read, of a position's row."""
    if row.get("last_read") is not None:
        return row["last_read"] + 1
    return row.get("next_to_read")


class Peak:
    """The highest value, and when it was first reached."""

    def __init__(self):
        self.value = self.at = None

    def see(self, at, value):
        if self.value is None or value > self.value:
            self.value, self.at = value, at


class Recount:
    """All that is counted again."""

    def __init__(self, lines, warm_up):
        self.stages = {name: Stage() for name in
                       ["due", "sent", "acknowledged", "enqueued", "processed", "writes", "stored", "throttled"]}
        self.charge, self.bytes = Stage(), Stage()
        self.histograms = {"from_due": histogram(), "from_send": histogram(), "stored": histogram()}
        self.partitions = {}
        self.most = {}
        self.most_of_all = Peak()
        self.begin = self.end = None
        tick = None
        for at, kind, values in facts(lines):
            if self.begin is None:
                self.begin, self.end, tick = at, at, at + SECOND
            while at > tick:
                self.second(tick)
                tick += SECOND
            self.end = max(self.end, at)
            self.take(at, kind, values)
        self.origin = self.begin + round(warm_up * SECOND)

    def take(self, at, kind, values):
        stages = self.stages
        if kind == "load":
            for name in ["due", "sent", "acknowledged"]:
                stages[name].look(None, at, values[name])
            self.bytes.look(None, at, values["acknowledged_bytes"])
            self.add("from_due", values.get("from_due"))
            self.add("from_send", values.get("from_send"))
        elif kind == "processor":
            stages["throttled"].look(None, at, values["throttled"])
            self.charge.look(None, at, values["charge"])
        elif kind == "tally":
            stages["stored"].look(None, at, values["stored"])
        elif kind == "stored":
            self.add("stored", values.get("latency"))
        elif kind == "store_range":
            stages["writes"].look(values["range"], at, values["lsn"])
        elif kind == "log_end":
            stages["enqueued"].look(values["partition"], at, values["last"])
            self.partition(values["partition"]).look(at, kind, values)
        elif kind == "position":
            if next_of(values) is None:
                stages["processed"].forget(values["partition"])
            else:
                stages["processed"].look(values["partition"], at, next_of(values))
            self.partition(values["partition"]).look(at, kind, values)

    def partition(self, number):
        self.most.setdefault(number, Peak())
        return self.partitions.setdefault(number, Partition())

    def second(self, at):
        """What was known at a whole second since the begin."""
        lags = [partition.lag if partition.sees(at) else None for partition in self.partitions.values()]
        for number, lag in zip(self.partitions, lags):
            if lag is not None:
                self.most[number].see(at, lag)
        if lags and None not in lags:
            self.most_of_all.see(at, sum(lags))

    def at_end(self, number):
        partition = self.partitions[number]
        return partition.lag if partition.sees(self.end) else None

    def add(self, name, encoded):
        if encoded is not None:
            self.histograms[name].add(decoded(encoded))

    def minutes(self, name):
        return list(self.stages[name].whole_minutes(self.origin, self.begin, self.end))

    def percentile(self, name, percentile):
        """In seconds. The rank is rounded up, so that no fewer are below: this port of HdrHistogram rounds to the next."""
        histogram = self.histograms[name]
        count = histogram.get_total_count()
        rank = math.ceil(percentile * count / 100 - 1e-9)
        return histogram.get_value_at_percentile(100 * rank / count) / 1e6


def histogram():
    return HdrHistogram(1, 3_600_000_000, 2)


def decoded(encoded):
    """A histogram in the V2 encoding. This port reads the compressed one alone, which is the same in zlib's dress."""
    packed = zlib.compress(base64.b64decode(encoded))
    return HdrHistogram.decode(base64.b64encode(struct.pack(">II", 0x1C849304, len(packed)) + packed))
