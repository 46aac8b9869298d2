//! The lag table: for each form of checkpoint and each trap of reading them, the blobs in the container and what the
//! screen has to say, through the endpoint, the vendor's client, the probe and the session.
//!
//! The hub is `plant` of `NS`; its log is the same in each case: events 0 to 99, or what the case says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod positions;
mod positions_container;

use std::time::Duration;

use positions::{GROUP, HUB, NS, Watched};
use positions_container::{Blob, address, body, endpoint, metadata, write};
use streamgauge::model::lag::Lag;
use streamgauge::model::observation::CheckpointForm::{self, Dapr, Functions, Go, Host, Metadata};
use streamgauge::model::status::Status;
use streamgauge::probe::position::name::HubName;
use streamgauge::probe::position::search::search;

/// A row of the table.
struct Case {
    what: &'static str,
    blobs: Vec<Blob>,
    /// Earliest and last event of the log.
    log: (i64, i64),
    form: Option<CheckpointForm>,
    lag: Lag,
    status: Status,
    remark: Option<String>,
}

fn behind(events: u64) -> (Lag, Status) {
    (Lag::Behind { events, missed: 0 }, Status::Ok)
}

fn none(retained: u64) -> (Lag, Status) {
    (Lag::NoPosition { retained }, Status::NoPosition)
}

/// A row over the log 0 to 99.
fn case(
    what: &'static str,
    blobs: Vec<Blob>,
    form: Option<CheckpointForm>,
    (lag, status): (Lag, Status),
    remark: Option<&str>,
) -> Case {
    Case { what, blobs, log: (0, 99), form, lag, status, remark: remark.map(str::to_owned) }
}

fn over(log: (i64, i64), case: Case) -> Case {
    Case { log, ..case }
}

const LEGACY: &str = r#"{"Offset":"1024","SequenceNumber":94,"PartitionId":"0","Owner":"","Token":"4f5e","Epoch":3}"#;

#[expect(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<Case> {
    let sdk = |number| metadata("ns.servicebus.windows.net/plant/workers/checkpoint/0", &[("sequencenumber", number)]);
    let unusable = |name: &str, why: &str| {
        Some(format!("the checkpoint {name} can't be used: {why}; delete it, or let its processor write it again"))
    };
    let no_checkpoint = "no checkpoint was found; the log holds 100 events";
    vec![
        // The forms.
        case("Functions 5 and the SDKs", vec![sdk("94")], Some(Metadata), behind(5), None),
        case(
            "Functions before 5",
            vec![body("NS.servicebus.windows.net/Plant/Workers/0", LEGACY)],
            Some(Functions),
            behind(5),
            None,
        ),
        case(
            "Go's first library",
            vec![body("0", r#"{"partitionId":"0","checkpoint":{"sequenceNumber":94}}"#)],
            Some(Go),
            behind(5),
            None,
        ),
        case(
            "Dapr",
            vec![body(
                "dapr-plant-workers-0",
                r#"{"partitionID":"0","epoch":0,"owner":"","checkpoint":{"sequenceNumber":94,"enqueueTime":""},"token":""}"#,
            )],
            Some(Dapr),
            behind(5),
            None,
        ),
        case("an older .NET host", vec![body("workers/0", LEGACY)], Some(Host), behind(5), None),
        case(
            "an older Python host",
            vec![body("Workers/0", r#"{"offset":"1024","sequence_number":94,"partition_id":"0","owner":""}"#)],
            Some(Host),
            behind(5),
            None,
        ),
        // Names.
        case(
            "as configured: Go, Java and Rust",
            vec![metadata("NS.servicebus.windows.net/Plant/Workers/checkpoint/0", &[("sequencenumber", "94")])],
            Some(Metadata),
            behind(5),
            None,
        ),
        case(
            "a mixture that nobody configured",
            vec![metadata("nS.ServiceBus.Windows.Net/pLaNt/wOrKeRs/checkpoint/0", &[("sequencenumber", "94")])],
            Some(Metadata),
            behind(5),
            None,
        ),
        case(
            "other hubs and groups in the same container",
            vec![
                metadata("ns.servicebus.windows.net/plant/others/checkpoint/0", &[("sequencenumber", "94")]),
                metadata("ns.servicebus.windows.net/plant-2/workers/checkpoint/0", &[("sequencenumber", "94")]),
                metadata("ns2.servicebus.windows.net/plant/workers/checkpoint/0", &[("sequencenumber", "94")]),
                body("dapr-plant-2-workers-0", r#"{"checkpoint":{"sequenceNumber":94}}"#),
                body("others/0", LEGACY),
            ],
            None,
            none(100),
            Some(no_checkpoint),
        ),
        case("an empty container", vec![], None, none(100), Some(no_checkpoint)),
        // Several at once.
        case(
            "both Functions forms, the older one ahead",
            vec![sdk("50"), body("NS.servicebus.windows.net/Plant/Workers/0", LEGACY)],
            Some(Functions),
            behind(5),
            None,
        ),
        case(
            "two spellings",
            vec![
                sdk("50"),
                metadata("NS.servicebus.windows.net/Plant/Workers/checkpoint/0", &[("sequencenumber", "94")]),
            ],
            Some(Metadata),
            behind(5),
            None,
        ),
        case(
            "Go's beside one that names its group",
            vec![sdk("94"), body("0", r#"{"checkpoint":{"sequenceNumber":99}}"#)],
            Some(Metadata),
            behind(5),
            None,
        ),
        // Contents.
        Case {
            remark: unusable(
                "ns.servicebus.windows.net/plant/workers/checkpoint/0",
                "it tells no sequence number, and lag can't be counted from an offset",
            ),
            ..case("an empty sequence number", vec![sdk("")], None, none(100), None)
        },
        Case {
            remark: unusable(
                "ns.servicebus.windows.net/plant/workers/checkpoint/0",
                "it tells no sequence number, and lag can't be counted from an offset",
            ),
            ..case("older .NET: \"no offset\"", vec![sdk("no offset")], None, none(100), None)
        },
        Case {
            remark: unusable(
                "ns.servicebus.windows.net/plant/workers/checkpoint/0",
                "its sequence number \"forty\" is not a number",
            ),
            ..case("no number", vec![sdk("forty")], None, none(100), None)
        },
        Case {
            remark: unusable(
                "ns.servicebus.windows.net/plant/workers/checkpoint/0",
                "its sequence number \"forty\" is not a number",
            ),
            ..case(
                "no number, beside an older form that is well",
                vec![sdk("forty"), body("NS.servicebus.windows.net/Plant/Workers/0", LEGACY)],
                Some(Functions),
                behind(5),
                None,
            )
        },
        Case {
            remark: unusable("workers/0", "its content is not a checkpoint"),
            ..case("a body that is none", vec![body("workers/0", "<html>")], None, none(100), None)
        },
        Case {
            remark: unusable("workers/0", "it is empty"),
            ..case("an empty body", vec![body("workers/0", "")], None, none(100), None)
        },
        Case {
            remark: unusable("workers/0", "it is 65536 bytes long, and a checkpoint has a few hundred"),
            ..case("something else", vec![body("workers/0", &"x".repeat(65_536))], None, none(100), None)
        },
        case(
            "a null Offset: the host began and read nothing",
            vec![body("workers/0", r#"{"Offset":null,"SequenceNumber":0,"Owner":"","Epoch":1}"#)],
            None,
            none(100),
            Some("its processor has read nothing yet, says the checkpoint workers/0"),
        ),
        case(
            "nothing read, but the newer form goes on",
            vec![sdk("94"), body("NS.servicebus.windows.net/Plant/Workers/0", r#"{"Offset":null,"SequenceNumber":0}"#)],
            Some(Metadata),
            behind(5),
            None,
        ),
        case("before the first event", vec![sdk("-1")], Some(Metadata), (behind(100).0, Status::Behind), None),
        // Logs.
        over(
            (0, -1),
            case("an empty partition", vec![], None, none(0), Some("no checkpoint was found; the log holds 0 events")),
        ),
        over(
            (0, -1),
            case(
                "an IoT Hub route: the log end stays at -1",
                vec![sdk("94")],
                Some(Metadata),
                behind(0),
                Some(
                    "its checkpoint is at 94, though the log reports no event: it was written for another hub, or before this one was made anew",
                ),
            ),
        ),
        over(
            (0, 20),
            case(
                "a checkpoint past the log end",
                vec![sdk("94")],
                Some(Metadata),
                none(21),
                Some(
                    "its checkpoint is at 94, past the log end 20: it was written for another hub, or before this one was made anew",
                ),
            ),
        ),
        Case {
            lag: Lag::Behind { events: 1, missed: 4 },
            ..over(
                (99, 99),
                case(
                    "retention passed the position",
                    vec![sdk("94")],
                    Some(Metadata),
                    behind(1),
                    Some(
                        "4 events were dropped by the log's retention before they were read: read faster, or keep them longer",
                    ),
                ),
            )
        },
        // Owners.
        case(
            "an owner that renews",
            vec![sdk("94"), metadata("ns.servicebus.windows.net/plant/workers/ownership/0", &[("ownerid", "host-a")])],
            Some(Metadata),
            behind(5),
            None,
        ),
        case(
            "a body whose owner's lease ended",
            vec![body("workers/0", r#"{"Offset":"1024","SequenceNumber":94,"Owner":"host-a"}"#)],
            Some(Host),
            behind(5),
            Some("the lease of its owner host-a has ended: see whether it runs"),
        ),
    ]
}

#[tokio::test]
async fn each_form_and_each_trap() {
    for case in table() {
        let endpoint = endpoint().await;
        let mut watched = Watched::new(address(&endpoint, "checkpoints"), 1);
        write(&endpoint, &case.blobs).await;
        // Longer than a log end may be told late: what then stands past it stands there for good.
        watched.pace = Duration::from_secs(1);
        for _ in 0..7 {
            watched.look(&[(0, case.log.0, case.log.1)]).await.unwrap_or_else(|error| panic!("{}: {error}", case.what));
        }
        let (partition, now) = (watched.partition(0), watched.now());
        assert_eq!(partition.form(), case.form, "{}", case.what);
        assert_eq!(partition.lag(), Some(case.lag), "{}", case.what);
        assert_eq!(partition.status(now), case.status, "{}", case.what);
        assert_eq!(partition.remark(now), case.remark, "{}", case.what);
    }
}

/// One blob that can't be read takes nothing from the others, and is named with its partition.
#[tokio::test]
async fn one_bad_blob_is_one_partitions_fault() {
    let endpoint = endpoint().await;
    let mut watched = Watched::new(address(&endpoint, "checkpoints"), 3);
    let prefix = "ns.servicebus.windows.net/plant/workers/checkpoint";
    write(
        &endpoint,
        &[
            metadata(&format!("{prefix}/0"), &[("sequencenumber", "94")]),
            metadata(&format!("{prefix}/1"), &[("sequencenumber", "")]),
            metadata(&format!("{prefix}/2"), &[("sequencenumber", "98")]),
            // Left from a hub of this name with more partitions.
            metadata(&format!("{prefix}/7"), &[("sequencenumber", "1")]),
        ],
    )
    .await;
    watched.look(&[(0, 0, 99), (1, 0, 99), (2, 0, 99)]).await.unwrap();
    let lags: Vec<_> = (0..3).map(|id| watched.partition(id).lag().unwrap().events()).collect();
    assert_eq!(lags, [Some(5), None, Some(1)]);
    assert!(
        watched.partition(1).remark(watched.now()).unwrap().starts_with("the checkpoint ns.servicebus.windows.net/")
    );
    assert_eq!(watched.session.partitions.len(), 3, "the hub has no partition 7");
    assert_eq!(watched.session.forms_text().as_deref(), Some("Functions 5 / SDK metadata"));
}

/// Looks for so many seconds at one partition whose log is 0 to 99.
async fn looks_for(watched: &mut Watched, seconds: u32) {
    for _ in 0..seconds * 4 {
        watched.look(&[(0, 0, 99)]).await.unwrap();
    }
}

/// A processor that starts after the monitor is found by the next look where it spells names by the contract or as
/// configured. Another spelling beside it is found by the next wide look, thirty seconds after the one that found it.
#[tokio::test]
async fn a_processor_that_comes_later_is_found() {
    let endpoint = endpoint().await;
    let mut watched = Watched::new(address(&endpoint, "checkpoints"), 1);
    watched.look(&[(0, 0, 99)]).await.unwrap();
    assert_eq!(watched.partition(0).form(), None);

    write(&endpoint, &[body("NS.servicebus.windows.net/Plant/Workers/0", LEGACY)]).await;
    watched.look(&[(0, 0, 99)]).await.unwrap();
    assert_eq!(watched.partition(0).form(), Some(Functions), "as configured: no wide look is needed");

    looks_for(&mut watched, 6).await;
    write(&endpoint, &[body("NS.SERVICEBUS.WINDOWS.NET/PLANT/WORKERS/0", &LEGACY.replace("94", "97"))]).await;
    looks_for(&mut watched, 28).await;
    assert_eq!(watched.partition(0).lag(), Some(Lag::Behind { events: 5, missed: 0 }));
    looks_for(&mut watched, 2).await;
    assert_eq!(watched.partition(0).lag(), Some(Lag::Behind { events: 2, missed: 0 }));
}

/// While nothing is found at all, a wide look comes every five seconds.
#[tokio::test]
async fn the_first_checkpoint_is_found_soon_however_it_is_spelled() {
    let endpoint = endpoint().await;
    let mut watched = Watched::new(address(&endpoint, "checkpoints"), 1);
    watched.look(&[(0, 0, 99)]).await.unwrap();
    write(&endpoint, &[body("wORKERS/0", LEGACY)]).await;
    looks_for(&mut watched, 4).await;
    assert_eq!(watched.partition(0).form(), None);
    looks_for(&mut watched, 1).await;
    assert_eq!(watched.partition(0).form(), Some(Host));
}

/// A body is read again when it changes, and a new position follows.
#[tokio::test]
async fn a_body_that_changes_is_read_again() {
    let endpoint = endpoint().await;
    let mut watched = Watched::new(address(&endpoint, "checkpoints"), 1);
    for number in [10, 40, 99] {
        write(&endpoint, &[body("workers/0", &LEGACY.replace("94", &number.to_string()))]).await;
        watched.look(&[(0, 0, 99)]).await.unwrap();
        assert_eq!(watched.session.lag_events(), u64::try_from(99 - number).ok());
    }
}

/// More bodies changed than a look may read: no position is told that was not read, and all are within a few looks.
#[tokio::test]
async fn many_bodies_are_read_over_several_looks() {
    const PARTITIONS: u32 = 300;
    let endpoint = endpoint().await;
    let mut watched = Watched::new(address(&endpoint, "checkpoints"), PARTITIONS);
    let blobs: Vec<Blob> = (0..PARTITIONS).map(|id| body(&format!("workers/{id}"), LEGACY)).collect();
    write(&endpoint, &blobs).await;
    let mut known = Vec::new();
    for _ in 0..4 {
        watched.look(&[]).await.unwrap();
        known.push(watched.session.partitions.values().filter(|partition| partition.position().is_some()).count());
        assert!(watched.session.partitions.values().all(|partition| partition.checkpoint_note().is_none()));
    }
    // 200 calls a second, less the two lists of the first look and one of each other.
    assert_eq!(known, [198, 247, 296, 300]);
}

/// The probe turns to another group while it runs, and nothing of the group before is left.
#[tokio::test]
async fn groups_are_listed_and_can_be_changed() {
    let endpoint = endpoint().await;
    let mut watched = Watched::new(address(&endpoint, "checkpoints"), 2);
    write(
        &endpoint,
        &[
            metadata("ns.servicebus.windows.net/plant/workers/checkpoint/0", &[("sequencenumber", "94")]),
            metadata("ns.servicebus.windows.net/plant/workers/checkpoint/1", &[("sequencenumber", "94")]),
            metadata("ns.servicebus.windows.net/plant/$default/ownership/0", &[("ownerid", "host-a")]),
            body("NS.servicebus.windows.net/Plant/$Default/0", &LEGACY.replace("94", "50")),
            body("dapr-plant-billing-1", r#"{"checkpoint":{"sequenceNumber":7}}"#),
            metadata("ns.servicebus.windows.net/another/hidden/checkpoint/0", &[("sequencenumber", "1")]),
        ],
    )
    .await;
    let hub = HubName { namespace: NS.into(), hub: HUB.into() };
    let found = search(&address(&endpoint, "checkpoints"), &hub).await.unwrap();
    let groups: Vec<_> = found
        .groups
        .iter()
        .map(|group| {
            (group.name.as_deref().unwrap(), group.forms.iter().copied().collect::<Vec<_>>(), group.partitions)
        })
        .collect();
    assert_eq!(
        groups,
        [("$Default", vec![Functions], 1), ("billing", vec![Dapr], 1), ("workers", vec![Metadata], 2)],
        "by name"
    );
    assert!(found.complete);
    assert!(found.groups.iter().all(|group| group.written_at.is_some()), "each has a checkpoint");

    let log = [(0, 0, 99), (1, 0, 99)];
    watched.look(&log).await.unwrap();
    assert_eq!((watched.session.group.as_deref(), watched.session.lag_events()), (Some(GROUP), Some(10)));

    let told = |watched: &Watched| {
        let (at, found) = watched.session.groups.clone().unwrap();
        (at, found.groups.into_iter().map(|group| group.name).collect::<Vec<_>>())
    };
    let (first, names) = told(&watched);
    assert_eq!(names, ["$Default", "billing", "workers"], "the screen can offer them");
    watched.look(&log).await.unwrap();
    assert_eq!(told(&watched).0, first, "a wide look is not a matter of each look");
    watched.group.send_replace(GROUP.into());
    watched.look(&log).await.unwrap();
    assert_eq!(told(&watched).0, watched.now(), "who names the group anew asks for one");
    assert_eq!(watched.session.marks, [], "and that changes nothing else");

    watched.group.send_replace("$Default".into());
    watched.look(&log).await.unwrap();
    assert_eq!(watched.session.group.as_deref(), Some("$Default"));
    assert_eq!(watched.session.lag_events(), Some(49), "of partition 0 alone: the other group's 1 is forgotten");
    assert_eq!(watched.partition(1).lag(), Some(Lag::NoPosition { retained: 100 }));
    assert_eq!(watched.partition(0).owner(), Some("host-a"));
    assert_eq!(watched.partition(0).status(watched.now()), Status::Behind, "not rewound");
}

/// What becomes of the whole look when the service, not a blob, is at fault: one sentence with the place.
#[tokio::test]
async fn a_container_that_is_not_there_is_said() {
    let endpoint = endpoint().await;
    let mut watched = Watched::new(address(&endpoint, "elsewhere"), 1);
    let sentence = watched.look(&[]).await.unwrap_err().to_string();
    assert!(sentence.starts_with("Blob storage has no such container at http://127.0.0.1:"), "{sentence}");
    let rest =
        "/elsewhere (404 ContainerNotFound); check endpoint and container in [position.checkpoints], it is asked again";
    assert!(sentence.ends_with(rest), "{sentence}");
}
