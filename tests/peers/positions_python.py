"""Checkpoints of a hub in every form, as their authors write them: with the checkpoint store of Python's SDK where that
is the author, and as the others are documented where it is not.

Usage: positions_python.py ENDPOINT ACCOUNT KEY CONTAINER

Makes the container and ends with "N written".
"""

import json
import sys

from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore
from azure.storage.blob import BlobLeaseClient, BlobServiceClient

NAMESPACE, HUB, GROUP = "NS.servicebus.windows.net", "Plant", "Workers"
OURS = {"fully_qualified_namespace": NAMESPACE, "eventhub_name": HUB, "consumer_group": GROUP}


def main(endpoint, account, key, container_name):
    service = BlobServiceClient(endpoint, credential={"account_name": account, "account_key": key})
    container = service.create_container(container_name)
    store = BlobCheckpointStore.from_connection_string(
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};BlobEndpoint={endpoint};", container_name
    )
    written = 0

    def put(name, body="", metadata=None):
        nonlocal written
        container.upload_blob(name, body if isinstance(body, str) else json.dumps(body), metadata=metadata)
        written += 1
        return container.get_blob_client(name)

    def legacy(partition, number, offset="1024", owner=""):
        return {
            "Offset": offset,
            "SequenceNumber": number,
            "PartitionId": str(partition),
            "Owner": owner,
            "Token": "",
            "Epoch": 3,
        }

    def go(partition, number):
        checkpoint = {"sequenceNumber": number, "offset": "1024", "enqueueTime": "2026-11-22T10:00:00Z"}
        return {"partitionId": str(partition), "epoch": 0, "owner": "", "checkpoint": checkpoint, "state": "", "token": ""}

    def sdk(partition, number, **group):
        nonlocal written
        store.update_checkpoint(
            {**OURS, **group, "partition_id": str(partition), "offset": "1024", "sequence_number": number}
        )
        written += 1

    def own(partition, owner, **group):
        nonlocal written
        claimed = store.claim_ownership([{**OURS, **group, "partition_id": str(partition), "owner_id": owner}])
        assert len(list(claimed)) == 1, "it is new"
        written += 1

    as_configured = f"{NAMESPACE}/{HUB}/{GROUP}"
    # 0: the SDK itself, with an owner.
    sdk(0, 41)
    sdk(0, 94)
    own(0, "host-a")
    # 1: an SDK that writes names as configured, and metadata keys with capitals.
    put(f"{as_configured}/checkpoint/1", metadata={"Sequencenumber": "94", "Offset": "1024"})
    # 2: Functions before 5, whose host holds the lease; 3: one whose host let go.
    BlobLeaseClient(put(f"{as_configured}/2", legacy(2, 94, owner="host-f"))).acquire(lease_duration=-1)
    put(f"{as_configured}/3", legacy(3, 94, owner="host-g"))
    # 4: Go's first library; 5: Dapr.
    put("4", go(4, 94))
    put(f"dapr-{HUB}-{GROUP}-5", go(5, 94))
    # 6 and 7: older hosts of .NET and Python.
    put(f"{GROUP}/6", legacy(6, 94))
    put(f"{GROUP}/7", {"partition_id": "7", "owner": "", "token": "", "epoch": 1, "offset": "1024", "sequence_number": 94})
    # 8: both Functions forms, the older one ahead.
    sdk(8, 50)
    put(f"{as_configured}/8", legacy(8, 94))
    # 9 to 11: .NET without a number, in two versions, and a host that read nothing yet.
    put(f"{as_configured.lower()}/checkpoint/9", metadata={"sequencenumber": "", "offset": "1024"})
    put(f"{as_configured.lower()}/checkpoint/10", metadata={"sequencenumber": "no offset", "offset": "no offset"})
    put(f"{as_configured}/11", legacy(11, 0, offset=None))
    # 12: no checkpoint, yet an owner. 13: nothing.
    own(12, "host-a")
    # Another group.
    for partition in range(2):
        sdk(partition, 10, consumer_group="$Default")
        own(partition, "host-b", consumer_group="$Default")
    print(f"{written} written")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
