"""The Cosmos DB endpoint as azure-cosmos for Python sees it.

Usage: cosmos_python.py ENDPOINT KEY DATABASE CONTAINER

The container is partitioned by /deviceId and empty. One line for each check; ends with "N passed, 0 failed", or with what
failed and a non-zero exit code.
"""

import sys

from azure.core import MatchConditions
from azure.cosmos import CosmosClient, PartitionKey, exceptions

passed = 0


def check(what, holds):
    global passed
    if not holds:
        sys.exit(f"FAILED: {what}")
    passed += 1
    print(f"ok: {what}")


def refused(status, call, *args, **kwargs):
    """Whether the call fails with this HTTP status."""
    try:
        call(*args, **kwargs)
    except exceptions.CosmosHttpResponseError as error:
        return error.status_code == status
    return False


def device(number):
    return f"device-{number}"


def item(number, value):
    return {"id": f"e{number}", "deviceId": device(number), "value": value, "text": 'quotes " and ünïcode'}


def changes(container, **position):
    """The ids of all pages that there are now, and the continuation after them."""
    feed = container.query_items_change_feed(**position)
    return [change["id"] for change in feed], container.client_connection.last_response_headers["etag"]


def main(endpoint, key, database_name, container_name):
    client = CosmosClient(endpoint, credential=key)
    database = client.get_database_client(database_name)
    check("the database is there", database.read()["id"] == database_name)
    check("databases are listed", [one["id"] for one in client.list_databases()] == [database_name])
    container = database.get_container_client(container_name)
    check("the container is partitioned by /deviceId", container.read()["partitionKey"]["paths"] == ["/deviceId"])
    throughput = container.get_throughput().offer_throughput
    check("the throughput can be read", throughput >= 400)
    container.replace_throughput(throughput + 100)
    check("the throughput can be replaced", container.get_throughput().offer_throughput == throughput + 100)

    created = container.create_item(item(1, 1))
    check("an item is created", created["value"] == 1 and created["_etag"] and created["_ts"] > 0)
    check("creating it again is refused", refused(409, container.create_item, item(1, 1)))
    check("an item is upserted", container.upsert_item(item(1, 2))["value"] == 2)
    read = container.read_item("e1", partition_key=device(1))
    check("an item is read", read["value"] == 2 and read["text"] == item(1, 2)["text"])
    charge = float(container.client_connection.last_response_headers["x-ms-request-charge"])
    check("a point read costs 1 RU", charge == 1.0)
    stale = {"etag": created["_etag"], "match_condition": MatchConditions.IfNotModified}
    check("a stale _etag is refused", refused(412, container.replace_item, "e1", item(1, 3), **stale))
    current = {"etag": read["_etag"], "match_condition": MatchConditions.IfNotModified}
    check("the current _etag is accepted", container.replace_item("e1", item(1, 3), **current)["value"] == 3)

    for number in range(2, 21):
        container.create_item(item(number, 1))
    everything, position = changes(container, start_time="Beginning")
    check("the change feed begins with everything", sorted(everything) == sorted(f"e{number}" for number in range(1, 21)))
    nothing, position = changes(container, continuation=position)
    check("then there is nothing new", nothing == [])
    container.upsert_item(item(7, 2))
    container.create_item(item(21, 1))
    new, position = changes(container, continuation=position)
    check("then only what is new", sorted(new) == ["e21", "e7"])
    ranges = list(container.read_feed_ranges())
    check("there is more than one feed range", len(ranges) >= 2)
    by_range = [one for feed_range in ranges for one in changes(container, feed_range=feed_range, start_time="Beginning")[0]]
    check("the ranges add up", sorted(by_range) == sorted(f"e{number}" for number in range(1, 22)))
    paged, _ = changes(container, start_time="Beginning", max_item_count=2)
    check("small pages add up", sorted(paged) == sorted(by_range))
    one_key, _ = changes(container, partition_key=device(7), start_time="Beginning")
    check("the change feed of one partition key", one_key == ["e7"])

    counted = list(container.query_items("SELECT VALUE COUNT(1) FROM c", partition_key=device(7)))
    check("a count within a partition key", counted == [1])
    queried = list(container.query_items("SELECT * FROM c", partition_key=device(7)))
    check("a query within a partition key", [one["id"] for one in queried] == ["e7"])
    check("all items are listed", len(list(container.read_all_items())) == 21)
    other = list, container.query_items("SELECT c.id FROM c", partition_key=device(7))
    check("any other query is refused", refused(400, *other))

    container.delete_item("e1", partition_key=device(1))
    check("a deleted item is gone", refused(404, container.read_item, "e1", partition_key=device(1)))
    check("deleting it again is refused", refused(404, container.delete_item, "e1", partition_key=device(1)))

    another = client.create_database_if_not_exists("another").create_container_if_not_exists(
        "telemetry", PartitionKey("/id"), default_ttl=60, offer_throughput=500
    )
    check("another database and container", another.read()["defaultTtl"] == 60)
    another.upsert_item({"id": "a"})
    check("items in it", another.read_item("a", partition_key="a")["id"] == "a")
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
