//! Links: events in, events out, requests and answers, and what becomes of a link that goes wrong.

use std::ops::RangeInclusive;

use super::super::*;
use super::client::{
    Client, MAX_MESSAGE_SIZE, Reply, annotations_and_rest, attach, fill, hub, keyed_message, message, open, outcome,
    rejected_with, transfer_batch,
};
use crate::local::eventhubs::codec::encode;
use crate::local::eventhubs::codec::message::section;
use crate::local::eventhubs::codec::performatives::{
    Attach, DeliveryState, Detach, Disposition, End, Flow, Role, SenderSettleMode, Transfer,
};
use crate::local::eventhubs::codec::types::Value;

const RECEIVE: &str = "telemetry/ConsumerGroups/$Default/Partitions/0";

fn with_epoch(handle: u32, epoch: i64) -> Attach {
    let properties = Value::Map(vec![(Value::symbol("com.microsoft:epoch"), Value::Long(epoch))]);
    Attach { properties: Some(properties), ..attach(handle, Role::Receiver, RECEIVE) }
}

#[test]
fn an_event_is_delivered_with_the_hubs_annotations_and_otherwise_as_it_came() {
    let hub = hub();
    let mut client = Client::begun(&hub);
    client.attach_sender(0, "amqps://127.0.0.1:5672/telemetry/Partitions/0");
    let mut sent = keyed_message("sensor-17", b"21.5");
    client.transfer(0, 0, &sent);
    assert_eq!(outcome(&client.reply()), DeliveryState::Accepted);

    client.attach_receiver(1, RECEIVE, 10);
    let delivery = client.reply();
    assert!(matches!(delivery.performative(), Performative::Transfer(transfer) if transfer.handle == 1));
    let (annotations, rest) = annotations_and_rest(delivery.payload());
    assert_eq!(annotations.get("x-opt-sequence-number"), Some(&Value::Long(0)));
    assert_eq!(annotations.get("x-opt-offset"), Some(&Value::string("0")));
    assert!(matches!(annotations.get("x-opt-enqueued-time"), Some(Value::Timestamp(_))));
    assert_eq!(annotations.get("x-opt-partition-key"), Some(&Value::string("sensor-17")));
    let tail = sent.split_off(sent.len() - rest.len());
    assert_eq!(rest, &tail[..]);
}

#[test]
fn annotations_of_the_sender_stay_unless_the_hub_writes_them_itself() {
    let hub = hub();
    let mut client = Client::begun(&hub);
    client.attach_sender(0, "telemetry/Partitions/0");
    let mut forwarded = BytesMut::new();
    encode::descriptor(section::MESSAGE_ANNOTATIONS, &mut forwarded);
    let annotations = Value::Map(vec![
        (Value::symbol("x-opt-sequence-number"), Value::Long(999)),
        (Value::symbol("iothub-connection-device-id"), Value::string("device-1")),
    ]);
    encode::value(&annotations, &mut forwarded);
    forwarded.extend_from_slice(&message(b"21.5"));
    client.transfer(0, 0, &forwarded);
    client.reply();
    client.attach_receiver(1, RECEIVE, 1);
    let delivery = client.reply();
    let Value::Map(pairs) = annotations_and_rest(delivery.payload()).0 else { panic!("annotations are a map") };
    assert_eq!(pairs[0], (Value::symbol("iothub-connection-device-id"), Value::string("device-1")));
    assert_eq!(pairs[1], (Value::symbol("x-opt-sequence-number"), Value::Long(0)));
    assert_eq!(pairs.len(), 4);
}

#[test]
fn a_batch_goes_to_one_partition_whole() {
    let hub = hub();
    let mut client = Client::begun(&hub);
    client.attach_sender(0, "telemetry");
    let keyed = [keyed_message("sensor-17", b"1"), keyed_message("sensor-17", b"2")];
    transfer_batch(&mut client, 0, &keyed);
    let partition = hub.log.partition_of_key("sensor-17");
    assert_eq!(hub.log.status(partition).unwrap().events, 2);
    assert_eq!(hub.log.status(1 - partition).unwrap().events, 0);
}

#[test]
fn a_message_that_cannot_be_read_is_rejected_and_the_link_goes_on() {
    let mut client = Client::begun(&hub());
    client.attach_sender(0, "telemetry");
    client.transfer(0, 0, b"not a message");
    assert_eq!(rejected_with(&client.reply()), condition::DECODE_ERROR);
    client.transfer(0, 1, b"");
    assert_eq!(rejected_with(&client.reply()), condition::DECODE_ERROR);
    // A batch, of which the second event is cut: neither is stored.
    transfer_batch(&mut client, 0, &[message(b"1"), message(b"2").split_to(4)]);
    assert_eq!(rejected_with(&client.reply()), condition::DECODE_ERROR);
    transfer_batch(&mut client, 0, &[]);
    assert_eq!(rejected_with(&client.reply()), condition::DECODE_ERROR);
    assert_eq!(client.connection.hub.log.statuses().iter().map(|status| status.events).sum::<usize>(), 0);
    client.transfer(0, 2, &message(b"whole"));
    assert_eq!(outcome(&client.reply()), DeliveryState::Accepted);
}

#[test]
fn a_message_in_several_transfers_is_put_together() {
    let hub = hub();
    let mut client = Client::begun(&hub);
    client.attach_sender(0, "telemetry/Partitions/0");
    let whole = message(&[7; 1000]);
    let (first, second) = whole.split_at(500);
    let begin =
        Transfer { handle: 0, delivery_id: Some(0), delivery_tag: Some(b"t"), more: true, ..Transfer::default() };
    client.send(0, &begin, first);
    assert!(client.replies().is_empty());
    client.send(0, &Transfer { handle: 0, ..Transfer::default() }, second);
    assert_eq!(outcome(&client.reply()), DeliveryState::Accepted);

    // One that its sender takes back leaves nothing behind.
    client.send(0, &Transfer { delivery_id: Some(1), ..begin.clone() }, first);
    client.send(0, &Transfer { handle: 0, aborted: true, ..Transfer::default() }, b"");
    assert!(client.replies().is_empty());
    assert_eq!(hub.log.status(0).unwrap().events, 1);
}

#[test]
fn a_settled_message_is_stored_without_a_word() {
    let hub = hub();
    let mut client = Client::begun(&hub);
    client.attach_sender(0, "telemetry/Partitions/0");
    let transfer = Transfer { delivery_id: Some(0), settled: Some(true), ..Transfer::default() };
    client.send(0, &transfer, &message(b"fire and forget"));
    assert!(client.replies().is_empty());
    assert_eq!(hub.log.status(0).unwrap().events, 1);
}

#[test]
fn a_message_too_large_costs_its_link_and_nothing_else() {
    let hub = hub();
    let mut client = Client::begun(&hub);
    client.attach_sender(0, "telemetry/Partitions/0");
    client.attach_sender(1, "telemetry/Partitions/1");
    let part = vec![0; 60_000];
    let transfer = Transfer { handle: 0, delivery_id: Some(0), more: true, ..Transfer::default() };
    client.send(0, &transfer, &part);
    client.send(0, &transfer, &part);
    let replies = client.replies();
    let [rejection, detach] = &replies[..] else { panic!("a rejection and a detach are due") };
    assert_eq!(rejected_with(rejection), condition::MESSAGE_SIZE_EXCEEDED);
    let error = detach.error().unwrap();
    assert_eq!(error.condition, condition::MESSAGE_SIZE_EXCEEDED);
    assert!(error.description.unwrap().contains(&MAX_MESSAGE_SIZE.to_string()));

    // The client had more under way, and then detaches in turn: the handle is free again.
    client.send(0, &Transfer { handle: 0, ..Transfer::default() }, &part);
    client.send(0, &Detach { handle: 0, closed: true, error: None }, b"");
    assert!(client.replies().is_empty());
    client.attach_sender(0, "telemetry/Partitions/0");
    client.transfer(1, 1, &message(b"others are served on"));
    assert_eq!(outcome(&client.reply()), DeliveryState::Accepted);
}

#[test]
fn unfinished_messages_are_bounded_over_all_links() {
    let mut client = Client::begun(&hub());
    let part = vec![0; 60_000];
    for handle in 0..20 {
        client.send(0, &attach(handle, Role::Sender, "telemetry"), b"");
        client.send(0, &Transfer { handle, delivery_id: Some(handle), more: true, ..Transfer::default() }, &part);
    }
    let replies = client.replies();
    let error = replies.last().unwrap().error().unwrap();
    assert_eq!(error.condition, condition::RESOURCE_LIMIT_EXCEEDED);
    assert!(client.connection.is_finished());
}

#[test]
fn a_sender_is_granted_credit_anew_before_it_runs_out() {
    let mut client = Client::begun(&hub());
    client.attach_sender(0, "telemetry");
    let mut granted = 0;
    for id in 0..2000 {
        client.transfer(0, id, &message(b"x"));
        for reply in client.replies() {
            if let Performative::Flow(flow) = reply.performative() {
                assert_eq!(flow.delivery_count, Some(id + 1));
                granted += 1;
            }
        }
    }
    assert_eq!(granted, 4);
}

/// The sequence numbers of the deliveries among the replies, and their ids.
fn delivered(replies: &[Reply]) -> Vec<i64> {
    let transfers = replies.iter().filter(|reply| matches!(reply.performative(), Performative::Transfer(_)));
    transfers
        .map(|reply| annotations_and_rest(reply.payload()).0.get("x-opt-sequence-number").unwrap().as_i64().unwrap())
        .collect()
}

fn numbers(range: RangeInclusive<i64>) -> Vec<i64> {
    range.collect()
}

#[test]
fn a_receiver_gets_as_much_as_it_has_credit_for() {
    let hub = hub();
    fill(&hub, 10);
    let mut client = Client::begun(&hub);
    client.attach_receiver(0, RECEIVE, 3);
    assert_eq!(delivered(&client.replies()), numbers(0..=2));
    // The client has seen one of three when it grants three: two are under way, so there is credit for one.
    client.grant(0, 1, 3, false);
    assert_eq!(delivered(&client.replies()), numbers(3..=3));
    client.grant(0, 4, 100, false);
    assert_eq!(delivered(&client.replies()), numbers(4..=9));
    fill(&hub, 2);
    assert_eq!(delivered(&client.replies()), numbers(10..=11));
}

#[test]
fn drained_credit_is_used_up_or_given_back() {
    let hub = hub();
    fill(&hub, 2);
    let mut client = Client::begun(&hub);
    client.attach_receiver(0, RECEIVE, 0);
    client.grant(0, 0, 5, true);
    let replies = client.replies();
    assert_eq!(delivered(&replies), numbers(0..=1));
    let Performative::Flow(flow) = replies.last().unwrap().performative() else { panic!("no flow came") };
    assert_eq!((flow.delivery_count, flow.link_credit, flow.drain), (Some(5), Some(0), true));
    fill(&hub, 1);
    assert!(client.replies().is_empty(), "there is no credit any more");
}

#[test]
fn a_full_session_window_holds_deliveries_back() {
    let hub = hub();
    fill(&hub, 10);
    let mut client = Client::opened(&hub);
    client.begin(0, 4);
    client.send(0, &attach(0, Role::Receiver, RECEIVE), b"");
    client.replies();
    let flow = Flow {
        next_incoming_id: Some(0),
        incoming_window: 4,
        handle: Some(0),
        delivery_count: Some(0),
        link_credit: Some(100),
        ..Flow::default()
    };
    client.send(0, &flow, b"");
    assert_eq!(delivered(&client.replies()), numbers(0..=3));
    client.send(0, &Flow { next_incoming_id: Some(4), incoming_window: 4, ..Flow::default() }, b"");
    assert_eq!(delivered(&client.replies()), numbers(4..=7));
}

#[test]
fn deliveries_fit_the_frames_that_the_client_takes() {
    let hub = hub();
    let mut client = Client::begun(&hub);
    client.attach_sender(0, "telemetry/Partitions/0");
    let body: Vec<u8> = (0..=255).cycle().take(5000).collect();
    client.transfer(0, 0, &message(&body));
    client.reply();

    let mut small = Client::opened_with(&hub, &Open { max_frame_size: Some(512), ..open() });
    small.begin(0, 2048);
    small.attach_receiver(0, RECEIVE, 10);
    let said = small.hear();
    let mut rest = &said[..];
    let mut whole = Vec::new();
    let mut more = Vec::new();
    while let Some(frame) = frame::read(rest, 512).unwrap() {
        let (performative, payload) = Performative::decode(frame.body).unwrap();
        let Performative::Transfer(transfer) = performative else { panic!("{performative:?}") };
        assert_eq!(transfer.delivery_id.is_some(), whole.is_empty(), "the first transfer alone bears the id");
        more.push(transfer.more);
        whole.extend_from_slice(payload);
        rest = &rest[frame.length..];
    }
    let (last, others) = more.split_last().unwrap();
    assert!(!last && others.iter().all(|more| *more) && others.len() > 9);
    assert!(whole.ends_with(&message(&body)));
}

#[test]
fn a_receiver_that_settles_second_is_answered() {
    let hub = hub();
    fill(&hub, 1);
    let mut client = Client::begun(&hub);
    client.attach_receiver(0, RECEIVE, 10);
    client.reply();
    let disposition = |settled| Disposition {
        role: Role::Receiver,
        first: 0,
        last: Some(0),
        settled,
        state: Some(DeliveryState::Accepted),
    };
    client.send(0, &disposition(false), b"");
    assert_eq!(outcome(&client.reply()), DeliveryState::Accepted);
    client.send(0, &disposition(true), b"");
    assert!(client.replies().is_empty());
}

#[test]
fn a_receiver_may_ask_for_settled_deliveries() {
    let hub = hub();
    fill(&hub, 1);
    let mut client = Client::begun(&hub);
    let settled = SenderSettleMode::Settled;
    client.send(0, &Attach { sender_settle_mode: settled, ..attach(0, Role::Receiver, RECEIVE) }, b"");
    client.reply();
    client.grant(0, 0, 1, false);
    assert!(
        matches!(client.reply().performative(), Performative::Transfer(transfer) if transfer.settled == Some(true))
    );
}

/// The condition with which an attach is refused: an attach without the hub's end, and a detach.
fn refusal(client: &mut Client) -> AmqpError {
    let replies = client.replies();
    let [answer, detach] = &replies[..] else { panic!("an attach and a detach are due") };
    let Performative::Attach(answer) = answer.performative() else { panic!("an attach is due first") };
    match answer.role {
        Role::Sender => assert_eq!(answer.source, None),
        Role::Receiver => assert_eq!(answer.target, None),
    }
    detach.error().unwrap()
}

#[test]
fn what_is_not_there_cannot_be_attached_to() {
    let cases = [
        (Role::Sender, "other", condition::NOT_FOUND, "other"),
        (Role::Sender, "telemetry/Partitions/2", condition::NOT_FOUND, "partition '2'"),
        (Role::Sender, "telemetry/Publishers/p", condition::NOT_FOUND, "Publishers"),
        (Role::Sender, "", condition::INVALID_FIELD, "address"),
        (Role::Sender, RECEIVE, condition::NOT_ALLOWED, "sent to"),
        (Role::Receiver, "telemetry", condition::NOT_ALLOWED, "received from"),
        (Role::Receiver, "telemetry/ConsumerGroups/nobody/Partitions/0", condition::NOT_FOUND, "'nobody'"),
        (Role::Receiver, "telemetry/ConsumerGroups/readers/Partitions/9", condition::NOT_FOUND, "'9'"),
    ];
    for (role, address, expected, named) in cases {
        let mut client = Client::begun(&hub());
        client.send(0, &attach(0, role, address), b"");
        let error = refusal(&mut client);
        assert_eq!(error.condition, expected, "{address}");
        assert!(error.description.clone().unwrap().contains(named), "{error:?}");
    }
}

#[test]
fn names_are_found_in_any_case() {
    let hub = hub();
    let mut client = Client::begun(&hub);
    client.attach_sender(0, "Telemetry/partitions/1");
    client.attach_receiver(1, "TELEMETRY/consumergroups/READERS/partitions/0", 1);
}

#[test]
fn a_higher_or_equal_epoch_takes_a_partition_over() {
    let hub = hub();
    let mut without = Client::begun(&hub);
    without.attach_receiver(0, RECEIVE, 10);
    let mut clients = [1, 1, 2].map(|epoch| {
        let mut client = Client::begun(&hub);
        client.send(0, &with_epoch(0, epoch), b"");
        assert!(matches!(client.reply().performative(), Performative::Attach(_)));
        client
    });
    for loser in [&mut without].into_iter().chain(&mut clients[..2]) {
        assert_eq!(loser.reply().error().unwrap().condition, condition::LINK_STOLEN);
    }
    assert!(clients[2].replies().is_empty(), "the highest stays");

    let mut late = Client::begun(&hub);
    late.send(0, &with_epoch(0, 1), b"");
    assert_eq!(refusal(&mut late).condition, condition::LINK_STOLEN);
    late.send(0, &attach(1, Role::Receiver, RECEIVE), b"");
    assert_eq!(refusal(&mut late).condition, condition::LINK_STOLEN);

    // Another consumer group is another matter, and so is the same one when the owner has left.
    late.attach_receiver(2, "telemetry/ConsumerGroups/readers/Partitions/0", 1);
    drop(clients);
    late.attach_receiver(3, RECEIVE, 1);
}

#[test]
fn five_receivers_without_epoch_may_share_a_partition() {
    let hub = hub();
    let mut client = Client::begun(&hub);
    for handle in 0..5 {
        client.attach_receiver(handle, RECEIVE, 1);
    }
    client.send(0, &attach(5, Role::Receiver, RECEIVE), b"");
    assert_eq!(refusal(&mut client).condition, condition::RESOURCE_LIMIT_EXCEEDED);
    client.send(0, &Detach { handle: 0, closed: true, error: None }, b"");
    client.reply();
    client.attach_receiver(6, RECEIVE, 1);
}

#[test]
fn a_session_ends_for_its_own_faults_and_others_go_on() {
    let hub = hub();
    let mut client = Client::begun(&hub);
    client.begin(7, 2048);
    client.send(7, &Transfer { handle: 5, ..Transfer::default() }, b"");
    let end = client.reply();
    assert_eq!((end.channel, end.error().unwrap().condition.as_ref()), (7, condition::UNATTACHED_HANDLE));
    // What was under way is passed over until the client's own end.
    client.send(7, &Transfer { handle: 5, ..Transfer::default() }, b"");
    client.send(7, &End { error: None }, b"");
    assert!(client.replies().is_empty());
    client.begin(7, 2048);

    client.attach_sender(0, "telemetry");
    client.send(0, &attach(0, Role::Sender, "telemetry"), b"");
    assert_eq!(client.reply().error().unwrap().condition, condition::HANDLE_IN_USE);
}

#[test]
fn a_late_disposition_after_an_end_harms_nobody() {
    let mut client = Client::begun(&hub());
    client.send(0, &End { error: None }, b"");
    assert_eq!(client.reply().error(), None);
    let late = Disposition { role: Role::Receiver, first: 0, last: None, settled: true, state: None };
    client.send(0, &late, b"");
    assert!(client.replies().is_empty());
    client.begin(0, 2048);
}

#[test]
fn a_flow_is_echoed_when_asked_for() {
    let mut client = Client::begun(&hub());
    client.send(0, &Flow { incoming_window: 5, echo: true, ..Flow::default() }, b"");
    assert!(matches!(client.reply().performative(), Performative::Flow(flow) if flow.handle.is_none()));
    client.attach_sender(3, "telemetry");
    client.send(0, &Flow { incoming_window: 5, echo: true, handle: Some(3), ..Flow::default() }, b"");
    assert!(matches!(client.reply().performative(), Performative::Flow(flow) if flow.handle == Some(3)));
}
