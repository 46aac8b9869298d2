//! Before the first session: login, headers, limits of time and of frames.

use proptest::prelude::*;

use super::super::*;
use super::client::{Client, hub, open};
use crate::local::eventhubs::codec::encode::FieldsWriter;
use crate::local::eventhubs::codec::performatives::Begin;

fn sasl_init(mechanism: &str) -> BytesMut {
    let mut frame = BytesMut::new();
    frame::write(&mut frame, FrameType::Sasl, 0, |out| {
        FieldsWriter::new(0x41, out).symbol(Some(mechanism)).nulls(2);
    });
    frame
}

#[test]
fn a_client_logs_in_and_opens() {
    for mechanism in ["ANONYMOUS", "PLAIN", "EXTERNAL", "MSSBCBS"] {
        let mut client = Client::connected(&hub());
        client.say(&SASL_HEADER);
        let offered = client.hear();
        assert_eq!(offered[..8], SASL_HEADER);
        assert!(String::from_utf8_lossy(&offered).contains(mechanism));
        client.say(&sasl_init(mechanism));
        let outcome = client.hear();
        // sasl-outcome with code 0: 00 53 44 d0 size count 50 00 40
        assert!(outcome.ends_with(&[0x50, 0x00, 0x40]), "{outcome:02x?}");
        client.say(&AMQP_HEADER);
        assert_eq!(client.hear()[..], AMQP_HEADER);
        client.send(0, &open(), b"");
        let reply = client.reply();
        assert!(
            matches!(reply.performative(), Performative::Open(open) if open.max_frame_size == Some(MAX_FRAME_SIZE))
        );
    }
}

#[test]
fn a_login_by_an_unknown_mechanism_fails() {
    let mut client = Client::connected(&hub());
    client.say(&SASL_HEADER);
    client.hear();
    client.say(&sasl_init("GSSAPI"));
    assert!(client.hear().ends_with(&[0x50, 0x01, 0x40]));
    assert!(client.connection.is_finished());
}

#[test]
fn a_protocol_that_is_not_served_is_answered_with_one_that_is() {
    for header in [b"AMQP\x02\x01\x00\x00", b"AMQP\x00\x00\x09\x01", b"GET / HT"] {
        let mut client = Client::connected(&hub());
        client.say(header);
        assert_eq!(client.hear()[..], SASL_HEADER, "{header:?}");
        assert!(client.connection.is_finished());
    }
}

#[test]
fn bytes_may_come_one_by_one() {
    let mut whole = BytesMut::new();
    whole.extend_from_slice(&AMQP_HEADER);
    frame::write(&mut whole, FrameType::Amqp, 0, |out| {
        use crate::local::eventhubs::codec::performatives::Encode;
        open().encode(out);
    });
    let mut client = Client::connected(&hub());
    for byte in &whole {
        client.say(&[*byte]);
    }
    assert_eq!(client.hear()[..8], AMQP_HEADER);
    assert!(matches!(client.connection.phase, Phase::Opened));
}

#[test]
fn bad_frames_close_the_connection_and_say_why() {
    // On an open connection: the frame, and the condition of the close.
    let cases: [(&[u8], &str); 8] = [
        (&[0, 1, 0, 1, 2, 0, 0, 0], condition::FRAMING_ERROR),
        (&[0, 0, 0, 4, 2, 0, 0, 0], condition::FRAMING_ERROR),
        (&[0, 0, 0, 8, 9, 0, 0, 0], condition::FRAMING_ERROR),
        (&[0, 0, 0, 8, 2, 7, 0, 0], condition::FRAMING_ERROR),
        (&[0, 0, 0, 12, 2, 1, 0, 0, 0, 0x53, 0x41, 0x45], condition::FRAMING_ERROR),
        (&[0, 0, 0, 11, 2, 0, 0, 0, 1, 2, 3], condition::DECODE_ERROR),
        (&[0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, 0x99, 0x45], condition::DECODE_ERROR),
        (&[0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, 0x11, 0x45], condition::DECODE_ERROR),
    ];
    for (bytes, expected) in cases {
        let mut client = Client::opened(&hub());
        client.say(bytes);
        let reply = client.reply();
        assert_eq!(reply.error().unwrap().condition, expected, "{bytes:02x?}");
        assert!(client.connection.is_finished());
    }
}

#[test]
fn only_an_open_may_come_first_and_only_once() {
    let begin =
        Begin { remote_channel: None, next_outgoing_id: 0, incoming_window: 1, outgoing_window: 1, handle_max: None };
    let mut client = Client::connected(&hub());
    client.say(&AMQP_HEADER);
    client.hear();
    client.send(0, &begin, b"");
    let replies = client.replies();
    assert!(matches!(replies[0].performative(), Performative::Open(_)), "a close must follow an open");
    assert_eq!(replies[1].error().unwrap().condition, condition::NOT_ALLOWED);

    let mut client = Client::begun(&hub());
    client.send(0, &open(), b"");
    assert_eq!(client.reply().error().unwrap().condition, condition::NOT_ALLOWED);

    let mut client = Client::begun(&hub());
    client.send(0, &begin, b"");
    assert_eq!(client.reply().error().unwrap().condition, condition::NOT_ALLOWED, "the channel is taken");
}

#[test]
fn a_close_is_answered() {
    let mut client = Client::begun(&hub());
    client.send(0, &Close { error: None }, b"");
    assert_eq!(client.reply().error(), None);
    assert!(client.connection.is_finished());
}

#[test]
fn a_client_that_says_nothing_is_given_up() {
    for words in [&[][..], &AMQP_HEADER, &SASL_HEADER] {
        let mut client = Client::connected(&hub());
        client.say(words);
        client.hear();
        assert_eq!(client.connection.deadline(), client.now + HANDSHAKE_TIME_LIMIT);
        client.connection.on_time(client.now + HANDSHAKE_TIME_LIMIT / 2);
        assert!(!client.connection.is_finished());
        client.connection.on_time(client.now + HANDSHAKE_TIME_LIMIT);
        assert!(client.connection.is_finished(), "after {words:?}");
    }
}

#[test]
fn a_client_is_sent_signs_of_life_as_it_wishes() {
    let wish = Open { idle_time_out: Some(60_000), ..open() };
    let mut client = Client::opened_with(&hub(), &wish);
    let due = client.now + Duration::from_secs(30);
    assert_eq!(client.connection.deadline(), due);
    client.connection.on_time(due);
    assert_eq!(client.hear()[..], [0, 0, 0, 8, 2, 0, 0, 0]);
    assert_eq!(client.connection.deadline(), due + Duration::from_secs(30));
    client.connection.sent(due + Duration::from_secs(5));
    assert_eq!(client.connection.deadline(), due + Duration::from_secs(35), "other frames are signs of life as well");
}

#[test]
fn an_opened_client_is_given_up_after_long_silence_only() {
    let mut client = Client::opened(&hub());
    let start = client.now;
    client.now = start + IDLE_TIME_OUT;
    client.say(&[0, 0, 0, 8, 2, 0, 0, 0]);
    client.connection.on_time(start + 2 * IDLE_TIME_OUT);
    assert!(!client.connection.is_finished(), "its heartbeat counts");
    client.connection.on_time(client.now + 2 * IDLE_TIME_OUT);
    assert!(client.connection.is_finished());
    assert!(client.reply().error().unwrap().description.unwrap().contains("heartbeats"));
}

proptest! {
    /// Nothing that a peer can say stops the machine, in any phase, and what it answers is bounded.
    #[test]
    fn any_bytes_end_in_an_answer_or_a_close(
        phase in 0..4, bytes in proptest::collection::vec(any::<u8>(), 0..512),
    ) {
        let hub = hub();
        let mut client = match phase {
            0 => Client::connected(&hub),
            1 => {
                let mut client = Client::connected(&hub);
                client.say(&SASL_HEADER);
                client
            }
            2 => Client::opened(&hub),
            _ => Client::begun(&hub),
        };
        client.say(&bytes);
        prop_assert!(client.hear().len() < 10_000);
    }

    /// The same for well-formed frames with a body of any bytes after the beginning of a performative.
    #[test]
    fn any_performative_ends_in_an_answer_or_a_close(
        code in 0x10..0x19_u8, count in 0..14_u8, fields in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut client = Client::begun(&hub());
        let mut bytes = BytesMut::new();
        frame::write(&mut bytes, FrameType::Amqp, 0, |out| {
            let size = u8::try_from(fields.len()).unwrap() + 1;
            out.extend_from_slice(&[0x00, 0x53, code, 0xC0, size, count]);
            out.extend_from_slice(&fields);
        });
        client.say(&bytes);
        prop_assert!(client.hear().len() < 10_000);
    }
}
