"""The embedded scenario over TLS as Microsoft's clients for Python see it.

Usage: tls_python.py ENDPOINTS, the line that `streamgauge local --headless --json --tls` prints.

One line for each check; ends with "N passed, 0 failed", or with what failed and a non-zero exit code.
"""

import json
import os
import sys

from azure.core.exceptions import ServiceRequestError
from azure.cosmos import CosmosClient
from azure.cosmos.documents import ConnectionPolicy, SSLConfiguration
from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.exceptions import EventHubError
from azure.storage.blob import BlobServiceClient

passed = 0


def check(what, holds):
    global passed
    if not holds:
        sys.exit(f"FAILED: {what}")
    passed += 1
    print(f"ok: {what}")


def refused(kind, call):
    """Whether a call fails with an error of this kind that is about the certificate."""
    try:
        call()
    except kind as error:
        return "certificate" in str(error).lower()
    return False


def hub(endpoints, **trust):
    connection_string = endpoints["eventhubs"]
    address = connection_string.removeprefix("Endpoint=").split(";")[0]
    # The client takes the port from here alone: the service's is always the same.
    return EventHubProducerClient.from_connection_string(
        connection_string, custom_endpoint_address=address, retry_total=0, **trust
    )


def send(client):
    with client:
        batch = client.create_batch(partition_id="1")
        for number in range(100):
            batch.add(EventData(f"event {number}" + "x" * 1_000))
        client.send_batch(batch)
        return client.get_partition_properties("1")["last_enqueued_sequence_number"]


def blobs(endpoints, **trust):
    place = endpoints["blob"]
    credential = {"account_name": place["account"], "account_key": place["key"]}
    service = BlobServiceClient(place["endpoint"], credential=credential, retry_total=0, **trust)
    return service.get_container_client(place["container"])


def documents(endpoints, certificate=True):
    """Without a file, trust is as everywhere. Asked in any other way, this client trusts whoever answers on this machine."""
    policy = ConnectionPolicy()
    policy.SSLConfiguration = SSLConfiguration()
    policy.SSLConfiguration.SSLCaCerts = certificate
    policy.SSLConfiguration.SSLCertFile = policy.SSLConfiguration.SSLKeyFile = None
    place = endpoints["cosmos"]
    client = CosmosClient(place["endpoint"], credential=place["key"], connection_policy=policy, retry_total=0)
    return client.get_database_client(place["database"]).get_container_client(place["container"])


def main(endpoints):
    certificate = endpoints["certificate"]
    with open(certificate, encoding="ascii") as file:
        check("the certificate is a certificate alone", file.read().count("-----BEGIN ") == 1)

    check("events are sent over TLS", send(hub(endpoints, connection_verify=certificate)) == 99)
    check("Event Hubs is not trusted without it", refused(EventHubError, lambda: send(hub(endpoints))))

    container = blobs(endpoints, connection_verify=certificate)
    container.upload_blob("over/tls", b"x" * 100_000)
    check("a blob is read over TLS", container.download_blob("over/tls").readall() == b"x" * 100_000)
    check("blobs are listed over TLS", [blob.name for blob in container.list_blobs()] == ["over/tls"])
    check("Blob storage is not trusted without it", refused(ServiceRequestError, blobs(endpoints).exists))

    store = documents(endpoints, certificate)
    store.create_item({"id": "one", "deviceId": "d", "text": "x" * 10_000})
    check("an item is read over TLS", store.read_item("one", partition_key="d")["text"] == "x" * 10_000)
    check("Cosmos DB is not trusted without it", refused(ServiceRequestError, lambda: documents(endpoints).read()))


if __name__ == "__main__":
    # Whom the machine trusts otherwise does not count.
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        os.environ.pop(variable, None)
    main(json.loads(sys.argv[1]))
    print(f"{passed} passed, 0 failed")
