"""The Blob endpoint as azure-storage-blob and azure-eventhub-checkpointstoreblob for Python see it.

Usage: blob_python.py ENDPOINT ACCOUNT KEY CONTAINER

The container is empty. One line for each check; ends with "N passed, 0 failed", or with what failed and a non-zero exit
code.
"""

import sys

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore
from azure.storage.blob import BlobLeaseClient, BlobPrefix, BlobServiceClient

passed = 0


def check(what, holds):
    global passed
    if not holds:
        sys.exit(f"FAILED: {what}")
    passed += 1
    print(f"ok: {what}")


def refused(code, call, *args, **kwargs):
    """Whether the call fails with this error code of the service."""
    try:
        call(*args, **kwargs)
    except HttpResponseError as error:
        return error.error_code == code
    return False


HUB = {"fully_qualified_namespace": "ns.servicebus.windows.net", "eventhub_name": "Hub", "consumer_group": "$Default"}


def ownership(owner, **more):
    return {**HUB, "partition_id": "0", "owner_id": owner, **more}


def main(endpoint, account, key, container_name):
    credential = {"account_name": account, "account_key": key}
    service = BlobServiceClient(endpoint, credential=credential)
    check("the container is there", [one.name for one in service.list_containers()] == [container_name])
    container = service.get_container_client(container_name)
    check("creating it again is refused", refused("ContainerAlreadyExists", container.create_container))

    store = BlobCheckpointStore.from_connection_string(
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};BlobEndpoint={endpoint};", container_name
    )
    check("there is no owner yet", list(store.list_ownership(*HUB.values())) == [])
    first = list(store.claim_ownership([ownership("first")]))
    check("a partition is claimed", len(first) == 1 and first[0]["etag"])
    check("it cannot be claimed as new again", list(store.claim_ownership([ownership("second")])) == [])
    listed = list(store.list_ownership(*HUB.values()))
    check("its owner is listed", [one["owner_id"] for one in listed] == ["first"])
    second = list(store.claim_ownership([ownership("second", etag=listed[0]["etag"])]))
    check("it is stolen by the listed tag", len(second) == 1)
    check("its owner has lost it", list(store.claim_ownership([ownership("first", etag=first[0]["etag"])])) == [])
    for sequence_number in (41, 42):
        store.update_checkpoint({**HUB, "partition_id": "0", "offset": "4096", "sequence_number": sequence_number})
    checkpoints = list(store.list_checkpoints(*HUB.values()))
    check("the latest checkpoint is listed", [one["sequence_number"] for one in checkpoints] == [42])

    blob = container.get_blob_client("folder/ä <&> %2F+")
    blob.upload_blob(b"0123456789", metadata={"Kind": "a<b>&c"})
    check("uploading it again is refused", refused("BlobAlreadyExists", blob.upload_blob, b""))
    check("it is downloaded", blob.download_blob().readall() == b"0123456789")
    check("a part of it is downloaded", blob.download_blob(offset=2, length=3).readall() == b"234")
    properties = blob.get_blob_properties()
    check("its properties", properties.size == 10 and properties.metadata == {"kind": "a<b>&c"})
    listed = list(container.list_blobs(name_starts_with="folder/", include=["metadata"]))
    check("it is listed", [(one.name, one.metadata) for one in listed] == [("folder/ä <&> %2F+", {"kind": "a<b>&c"})])
    empty = container.get_blob_client("folder/empty")
    empty.upload_blob(b"")
    check("an empty blob is downloaded", empty.download_blob().readall() == b"")
    folders = [one for one in container.walk_blobs() if isinstance(one, BlobPrefix)]
    check("folders are listed", [one.name for one in folders] == ["folder/", "ns.servicebus.windows.net/"])
    pages = list(container.list_blobs(results_per_page=1).by_page())
    check("pages of one", [len(list(page)) for page in pages] == [1, 1, 1, 1])

    tag = {"etag": properties.etag, "match_condition": MatchConditions.IfNotModified}
    changed = blob.set_blob_metadata({"kind": "new"}, **tag)
    check("metadata is set by tag", changed["etag"] != properties.etag)
    check("but not by a stale one", refused("ConditionNotMet", blob.set_blob_metadata, {"kind": "x"}, **tag))

    lease = BlobLeaseClient(blob)
    lease.acquire(lease_duration=15)
    check("a leased blob is locked", blob.get_blob_properties().lease.status == "locked")
    check("another cannot lease it", refused("LeaseAlreadyPresent", BlobLeaseClient(blob).acquire, lease_duration=15))
    check("writing needs the lease", refused("LeaseIdMissing", blob.set_blob_metadata, {}))
    blob.set_blob_metadata({"kind": "leased"}, lease=lease)
    lease.renew()
    lease.change("1f812371-a41d-49e6-b123-f4b542e851c5")
    lease.release()
    check("a released blob is not locked", blob.get_blob_properties().lease.status == "unlocked")
    lease.acquire(lease_duration=-1)
    check("an endless lease breaks at once", lease.break_lease() == 0)
    check("it is broken", blob.get_blob_properties().lease.state == "broken")

    blob.delete_blob()
    check("a deleted blob is gone", refused("BlobNotFound", blob.download_blob))
    other = service.create_container("another")
    check("another container", len(list(service.list_containers())) == 2)
    other.delete_container()
    check("a deleted container is gone", refused("ContainerNotFound", lambda: list(other.list_blobs())))
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
