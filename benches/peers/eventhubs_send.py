"""Sends full batches with Microsoft's Python client and prints the events per second.

Usage: eventhubs_send.py CONNECTION_STRING BODY_BYTES SECONDS
"""

import sys
import time

from azure.eventhub import EventData, EventHubProducerClient


def main(connection_string, body_bytes, seconds):
    body = b"x" * int(body_bytes)
    with EventHubProducerClient.from_connection_string(connection_string) as producer:
        events, began = 0, None
        while began is None or time.monotonic() - began < float(seconds):
            batch = producer.create_batch(partition_id="0")
            try:
                while True:
                    batch.add(EventData(body))
            except ValueError:
                pass  # full
            producer.send_batch(batch)
            if began is None:
                began = time.monotonic()  # the first batch opens the link
            else:
                events += len(batch)
        print(events / (time.monotonic() - began))


main(*sys.argv[1:])
