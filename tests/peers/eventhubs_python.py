"""Drives the Event Hubs endpoint with Microsoft's Python client (azure-eventhub 5.15).

Usage: eventhubs_python.py CONNECTION_STRING

Expects a fresh hub with four partitions. Prints a line for each check and ends with `N passed, 0 failed`; a check
that fails prints why, and the exit code is then 1.
"""

import sys
import threading
import traceback

from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import ConnectError, EventDataSendError, EventHubError

PATIENCE_SECONDS = 30
GROUP = "$Default"

connection_string = sys.argv[1]


def producer():
    return EventHubProducerClient.from_connection_string(connection_string, retry_total=0)


def consumer(group=GROUP):
    return EventHubConsumerClient.from_connection_string(connection_string, consumer_group=group, retry_total=0)


def send(bodies, **where):
    with producer() as client:
        batch = client.create_batch(**where)
        for body in bodies:
            batch.add(EventData(body))
        client.send_batch(batch)


def receive(partition, position, count, inclusive=False, **options):
    """The first `count` events from a position on."""
    events, errors, done = [], [], threading.Event()
    client = consumer()

    def on_event(_context, event):
        if event is not None and len(events) < count:
            events.append(event)
            if len(events) == count:
                done.set()

    def on_error(_context, error):
        errors.append(error)
        done.set()

    def run():
        client.receive(
            on_event=on_event,
            on_error=on_error,
            partition_id=partition,
            starting_position=position,
            starting_position_inclusive=inclusive,
            **options,
        )

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    came = done.wait(PATIENCE_SECONDS)
    client.close()
    thread.join(PATIENCE_SECONDS)
    if errors:
        raise errors[0]
    assert came, f"{len(events)} of {count} events came within {PATIENCE_SECONDS} s"
    return events


def equal(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def hub_properties():
    with producer() as client:
        properties = client.get_eventhub_properties()
    equal(properties["partition_ids"], ["0", "1", "2", "3"])
    assert properties["created_at"].year >= 2026, properties["created_at"]


def fresh_partition():
    with producer() as client:
        properties = client.get_partition_properties("0")
    equal(properties["beginning_sequence_number"], 0)
    equal(properties["last_enqueued_sequence_number"], -1)
    equal(properties["last_enqueued_offset"], "-1")
    equal(properties["is_empty"], True)


def unknown_partition():
    with producer() as client:
        try:
            client.get_partition_properties("99")
        except EventHubError as error:
            assert "99" in str(error), error
            return
    raise AssertionError("properties of partition 99 were given")


def batch_to_a_partition():
    send([f"event {number}" for number in range(10)], partition_id="0")
    with producer() as client:
        properties = client.get_partition_properties("0")
    equal(properties["last_enqueued_sequence_number"], 9)
    equal(properties["is_empty"], False)


def from_a_sequence_number():
    events = receive("0", 6, 3)
    equal([event.body_as_str() for event in events], ["event 7", "event 8", "event 9"])
    equal([event.sequence_number for event in events], [7, 8, 9])
    assert events[0].enqueued_time.year >= 2026, events[0].enqueued_time


def from_an_offset():
    fifth = receive("0", 4, 1, inclusive=True)[0]
    equal(fifth.sequence_number, 4)
    equal(receive("0", fifth.offset, 1)[0].sequence_number, 5)
    equal(receive("0", fifth.offset, 1, inclusive=True)[0].sequence_number, 4)


def from_the_beginning_with_little_credit():
    events = receive("0", "-1", 10, prefetch=1)
    equal([event.sequence_number for event in events], list(range(10)))


def properties_of_events_survive():
    with producer() as client:
        event = EventData("with properties")
        event.properties = {"kind": "test", "number": 7}
        event.content_type = "text/plain"
        client.send_batch([event], partition_id="1")
    received = receive("1", "-1", 1)[0]
    equal({key.decode(): value for key, value in received.properties.items()}, {"kind": b"test", "number": 7})
    equal(received.content_type, "text/plain")


def by_key():
    send(["one", "two"], partition_key="sensor-17")
    send(["three"], partition_key="sensor-17")
    found = []
    with producer() as client:
        for partition in client.get_partition_ids():
            last = client.get_partition_properties(partition)["last_enqueued_sequence_number"]
            if last >= 0:
                found += [(partition, event) for event in receive(partition, "-1", last + 1)]
    keyed = [(partition, event) for partition, event in found if event.partition_key == b"sensor-17"]
    equal([event.body_as_str() for _, event in keyed], ["one", "two", "three"])
    equal(len({partition for partition, _ in keyed}), 1)


def large_batch_in_several_frames():
    send(["x" * 60_000 for _ in range(16)], partition_id="2")
    events = receive("2", "@latest", 1, inclusive=True)
    equal(len(events[0].body_as_str()), 60_000)


def too_large_event():
    with producer() as client:
        try:
            client.send_batch([EventData("x" * 2_000_000)], partition_id="3")
        except (EventDataSendError, EventHubError, ValueError):
            return
    raise AssertionError("an event of 2 MB was taken")


def a_higher_epoch_takes_the_partition_over():
    clients, outcome, second_runs, done = [], [], threading.Event(), threading.Event()

    def follow(owner_level, on_event, on_error):
        client = consumer()
        clients.append(client)
        threading.Thread(
            target=lambda: client.receive(
                on_event=lambda _context, _event: on_event(),
                on_error=lambda _context, error: on_error(error),
                partition_id="0",
                starting_position="-1",
                owner_level=owner_level,
            ),
            daemon=True,
        ).start()

    def take_over():
        if not second_runs.is_set():
            second_runs.set()
            follow(2, lambda: None, lambda error: outcome.append(("second", error)))

    def lost(error):
        outcome.append(("first", error))
        done.set()

    follow(1, take_over, lost)
    came = done.wait(PATIENCE_SECONDS)
    for client in clients:
        client.close()
    assert came, "nobody was told"
    who, error = outcome[0]
    equal(who, "first")
    assert "amqp:link:stolen" in str(error), error


def unknown_consumer_group():
    client = consumer("nobody")
    errors, done = [], threading.Event()

    def on_error(_context, error):
        errors.append(error)
        done.set()

    thread = threading.Thread(
        target=lambda: client.receive(on_event=lambda *_: None, on_error=on_error, partition_id="0"), daemon=True
    )
    thread.start()
    assert done.wait(PATIENCE_SECONDS), "no error came"
    client.close()
    assert isinstance(errors[0], (ConnectError, EventHubError)), repr(errors[0])
    assert "nobody" in str(errors[0]), errors[0]


CHECKS = [
    hub_properties,
    fresh_partition,
    unknown_partition,
    batch_to_a_partition,
    from_a_sequence_number,
    from_an_offset,
    from_the_beginning_with_little_credit,
    properties_of_events_survive,
    by_key,
    large_batch_in_several_frames,
    too_large_event,
    a_higher_epoch_takes_the_partition_over,
    unknown_consumer_group,
]

passed = failed = 0
for check in CHECKS:
    name = check.__name__.replace("_", " ")
    try:
        check()
    except Exception:  # whatever went wrong is what the check found
        failed += 1
        print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
    else:
        passed += 1
        print(f"ok     {name}", flush=True)
print(f"{passed} passed, {failed} failed", flush=True)
sys.exit(1 if failed else 0)
