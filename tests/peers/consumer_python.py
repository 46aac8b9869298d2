"""A processor of Python's SDK: an EventHubConsumerClient with its BlobCheckpointStore.

Usage: consumer_python.py HOLD_AT < ENDPOINTS

ENDPOINTS is the line that `streamgauge local --headless --json` prints. Checkpoints every event up to and including the one
with the sequence number HOLD_AT of each partition, and then holds: it reads on and checkpoints no more, until its input
ends; HOLD_AT -1 never holds. Looks for partitions every second; one that was not renewed for three is free.

Prints a line for each thing that happens: `holds PARTITION`, `takes PARTITION`, `leaves PARTITION`, and `error WHAT`.
"""

import json
import sys
import threading

from azure.eventhub import EventHubConsumerClient
from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore


def main(hold_at):
    endpoints = json.loads(sys.stdin.readline())
    blob = endpoints["blob"]
    store = BlobCheckpointStore.from_connection_string(
        f"DefaultEndpointsProtocol=http;AccountName={blob['account']};AccountKey={blob['key']};"
        f"BlobEndpoint={blob['endpoint']};",
        blob["container"],
    )
    client = EventHubConsumerClient.from_connection_string(
        endpoints["eventhubs"],
        consumer_group=endpoints["consumer_group"],
        checkpoint_store=store,
        load_balancing_interval=1,
        partition_ownership_expiration_interval=3,
    )
    lock = threading.Lock()

    def say(*words):
        with lock:
            print(*words, flush=True)

    def on_event(partition, event):
        if event is None:
            return
        if hold_at < 0 or event.sequence_number <= hold_at:
            partition.update_checkpoint(event)
        if event.sequence_number == hold_at:
            say("holds", partition.partition_id)

    def on_error(partition, error):
        say("error", partition.partition_id if partition else "-", type(error).__name__, str(error).splitlines()[0])

    def close_at_end():
        sys.stdin.read()
        client.close()

    threading.Thread(target=close_at_end, daemon=True).start()
    client.receive(
        on_event=on_event,
        on_error=on_error,
        on_partition_initialize=lambda partition: say("takes", partition.partition_id),
        on_partition_close=lambda partition, reason: say("leaves", partition.partition_id),
        starting_position="-1",
        max_wait_time=1,
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(int(sys.argv[1]))
