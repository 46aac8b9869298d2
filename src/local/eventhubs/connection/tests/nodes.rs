//! Requests to the nodes and their answers, and how faults look from outside.

use super::super::*;
use super::client::{Client, fill, hub, message, outcome, rejected_with};
use crate::local::eventhubs::codec::encode;
use crate::local::eventhubs::codec::message::section;
use crate::local::eventhubs::codec::performatives::DeliveryState;
use crate::local::eventhubs::codec::types::Value;

/// The application properties of a request.
type Properties<'a> = &'a [(&'a str, &'a str)];

fn request(properties: Properties<'_>, reply_to: Option<&str>) -> BytesMut {
    let mut out = BytesMut::new();
    encode::FieldsWriter::new(section::PROPERTIES, &mut out)
        .value(Some(&Value::Ulong(77)))
        .nulls(3)
        .string(reply_to)
        .nulls(8);
    encode::descriptor(section::APPLICATION_PROPERTIES, &mut out);
    let properties = properties.iter().map(|(name, value)| (Value::string(name), Value::string(value))).collect();
    encode::value(&Value::Map(properties), &mut out);
    out
}

/// Asks a node, and gives its answer's status, description and body.
fn ask(client: &mut Client, node: &str, properties: Properties<'_>, reply_to: Option<&str>) -> (i32, String, Value) {
    use crate::local::eventhubs::codec::decode::Decoder;
    use crate::local::eventhubs::codec::message::Sections;
    client.attach_sender(100, node);
    client.attach_receiver(101, node, 1);
    client.transfer(100, 0, &request(properties, reply_to));
    let replies = client.replies();
    let [settled, answer] = &replies[..] else { panic!("a disposition and an answer are due") };
    assert_eq!(outcome(settled), DeliveryState::Accepted);
    let payload = answer.payload();
    let mut sections = Sections::new(payload);
    let values: Vec<Value> = std::iter::from_fn(|| sections.next().unwrap())
        .map(|section| Decoder::new(&payload[section.value_start..]).value().unwrap())
        .collect();
    let [Value::List(message_properties), application_properties, body] = &values[..] else { panic!("{values:?}") };
    assert_eq!(message_properties[5], Value::Ulong(77), "the correlation id is the request's message id");
    let Some(Value::Int(status)) = application_properties.get("status-code") else { panic!("no status") };
    let description = application_properties.get("status-description").unwrap().as_text().unwrap().to_owned();
    (*status, description, body.clone())
}

#[test]
fn management_answers_in_the_types_that_clients_expect() {
    let hub = hub();
    fill(&hub, 3);
    let read = [("operation", "READ"), ("type", "com.microsoft:partition"), ("name", "telemetry"), ("partition", "0")];
    let (status, _, body) = ask(&mut Client::begun(&hub), "$management", &read, None);
    assert_eq!(status, 200);
    assert_eq!(body.get("begin_sequence_number"), Some(&Value::Long(0)));
    assert_eq!(body.get("last_enqueued_sequence_number"), Some(&Value::Long(2)));
    assert!(matches!(body.get("last_enqueued_offset"), Some(Value::String(_))));
    assert!(matches!(body.get("last_enqueued_time_utc"), Some(Value::Timestamp(_))));
    assert_eq!(body.get("is_partition_empty"), Some(&Value::Boolean(false)));

    let read = [("operation", "READ"), ("type", "com.microsoft:eventhub"), ("name", "telemetry")];
    let (status, _, body) = ask(&mut Client::begun(&hub), "amqps://host/telemetry/$management", &read, None);
    assert_eq!(status, 200);
    assert_eq!(body.get("partition_count"), Some(&Value::Int(2)));
    assert!(
        matches!(body.get("partition_ids"), Some(Value::Array(ids)) if ids.elements() == [Value::string("0"), Value::string("1")])
    );
}

#[test]
fn nodes_refuse_what_they_do_not_know() {
    let cases: [(&str, Properties<'_>, i32, &str); 6] = [
        (
            "$management",
            &[("operation", "READ"), ("type", "com.microsoft:eventhub"), ("name", "other")],
            404,
            "'other'",
        ),
        (
            "$management",
            &[("operation", "READ"), ("type", "com.microsoft:partition"), ("name", "telemetry"), ("partition", "8")],
            404,
            "'8'",
        ),
        ("$management", &[("operation", "READ"), ("type", "queue"), ("name", "telemetry")], 400, "'queue'"),
        ("$management", &[("operation", "DELETE")], 400, "'DELETE'"),
        ("$management", &[], 400, "''"),
        ("$cbs", &[("operation", "delete-token")], 400, "'delete-token'"),
    ];
    for (node, properties, expected, named) in cases {
        let (status, description, _) = ask(&mut Client::begun(&hub()), node, properties, None);
        assert_eq!(status, expected, "{properties:?}");
        assert!(description.contains(named), "{description}");
    }
}

#[test]
fn an_answer_goes_to_the_link_that_the_request_names() {
    let put = [("operation", "put-token"), ("type", "jwt"), ("name", "amqps://host/telemetry")];
    // By the link's target, by its name, and by its node where neither is named.
    for reply_to in [Some("here"), Some("link 101"), None, Some("elsewhere")] {
        let mut client = Client::begun(&hub());
        client.attach_receiver(50, "$management", 10);
        let (status, _, _) = ask(&mut client, "$cbs", &put, reply_to);
        assert_eq!(status, 202, "{reply_to:?}");
    }
    let mut client = Client::begun(&hub());
    client.attach_sender(0, "$cbs");
    client.transfer(0, 0, &request(&put, None));
    assert_eq!(rejected_with(&client.reply()), condition::NOT_FOUND, "there is no link to answer on");
}

#[test]
fn faults_show_as_the_protocol_knows_them_or_does_not() {
    let hub = hub();
    let read = [("operation", "READ"), ("type", "com.microsoft:eventhub"), ("name", "telemetry")];
    let mut client = Client::begun(&hub);
    client.attach_sender(0, "telemetry");
    client.fault = Some(Fault::Throttle);
    client.transfer(0, 0, &message(b"x"));
    assert_eq!(rejected_with(&client.reply()), condition::SERVER_BUSY);
    assert_eq!(ask(&mut client, "$management", &read, None).0, 503);

    let mut client = Client::begun(&hub);
    client.attach_sender(0, "telemetry");
    client.fault = Some(Fault::WrongReply);
    let (status, _, body) = ask(&mut client, "$management", &read, None);
    assert_eq!(status, 500);
    assert!(matches!(body, Value::String(_)));
    client.transfer(0, 0, &message(b"x"));
    let said = client.hear();
    let garbage = frame::read(&said, MAX_FRAME_SIZE).unwrap().unwrap();
    assert!(Performative::decode(garbage.body).is_err());
    assert_eq!(hub.log.statuses().iter().map(|status| status.events).sum::<usize>(), 0);
}
