//! Every performative survives the wire, and its fields all stand there.

use bytes::BytesMut;
use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::local::eventhubs::codec::tests::value;
use crate::local::eventhubs::codec::types::Value;

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn error() -> impl Strategy<Value = AmqpError> {
    ("[a-z:-]{1,20}", of(text()))
        .prop_map(|(condition, description)| AmqpError { condition: condition.into(), description })
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Sender), Just(Role::Receiver)]
}

/// A field whose value is null cannot be told from one that is absent.
fn present() -> impl Strategy<Value = Value> {
    value().prop_filter("null is none", |value| *value != Value::Null)
}

fn open() -> impl Strategy<Value = Open> {
    (text(), of(text()), any::<[Option<u32>; 2]>(), any::<Option<u16>>()).prop_map(
        |(container_id, hostname, [max_frame_size, idle_time_out], channel_max)| Open {
            container_id,
            hostname,
            max_frame_size,
            channel_max,
            idle_time_out,
        },
    )
}

fn begin() -> impl Strategy<Value = Begin> {
    (any::<Option<u16>>(), any::<[u32; 3]>(), any::<Option<u32>>()).prop_map(
        |(remote_channel, [next_outgoing_id, incoming_window, outgoing_window], handle_max)| Begin {
            remote_channel,
            next_outgoing_id,
            incoming_window,
            outgoing_window,
            handle_max,
        },
    )
}

fn attach() -> impl Strategy<Value = Attach> {
    let modes =
        prop_oneof![Just(SenderSettleMode::Unsettled), Just(SenderSettleMode::Settled), Just(SenderSettleMode::Mixed)];
    let counts = (any::<Option<u32>>(), any::<Option<u64>>());
    (text(), any::<u32>(), role(), modes, 0..2_u8, of(present()), of(present()), counts, of(present())).prop_map(
        |(name, handle, role, sender_settle_mode, receiver_settle_mode, source, target, counts, properties)| Attach {
            name,
            handle,
            role,
            sender_settle_mode,
            receiver_settle_mode,
            source,
            target,
            initial_delivery_count: counts.0,
            max_message_size: counts.1,
            properties,
        },
    )
}

fn flow() -> impl Strategy<Value = Flow> {
    (any::<[u32; 3]>(), any::<[Option<u32>; 5]>(), any::<[bool; 2]>()).prop_map(|(windows, link, [drain, echo])| Flow {
        next_incoming_id: link[0],
        incoming_window: windows[0],
        next_outgoing_id: windows[1],
        outgoing_window: windows[2],
        handle: link[1],
        delivery_count: link[2],
        link_credit: link[3],
        available: link[4],
        drain,
        echo,
    })
}

fn disposition() -> impl Strategy<Value = Disposition> {
    let state = prop_oneof![
        Just(DeliveryState::Received),
        Just(DeliveryState::Accepted),
        of(error()).prop_map(DeliveryState::Rejected),
        Just(DeliveryState::Released),
        Just(DeliveryState::Modified),
    ];
    (role(), any::<u32>(), any::<Option<u32>>(), any::<bool>(), of(state))
        .prop_map(|(role, first, last, settled, state)| Disposition { role, first, last, settled, state })
}

fn detach() -> impl Strategy<Value = Detach> {
    (any::<u32>(), any::<bool>(), of(error())).prop_map(|(handle, closed, error)| Detach { handle, closed, error })
}

fn check(encoded: &impl Encode, expected: &Performative<'_>) -> Result<(), TestCaseError> {
    let mut out = BytesMut::new();
    encoded.encode(&mut out);
    out.extend_from_slice(b"payload");
    let (decoded, payload) = Performative::decode(&out).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&decoded, expected);
    prop_assert_eq!(payload, b"payload");
    Ok(())
}

proptest! {
    #[test]
    fn open_survives(open in open()) {
        check(&open, &Performative::Open(open.clone()))?;
    }

    #[test]
    fn begin_survives(begin in begin()) {
        check(&begin, &Performative::Begin(begin.clone()))?;
    }

    #[test]
    fn attach_survives(attach in attach()) {
        check(&attach, &Performative::Attach(Box::new(attach.clone())))?;
    }

    #[test]
    fn flow_survives(flow in flow()) {
        check(&flow, &Performative::Flow(flow.clone()))?;
    }

    #[test]
    fn transfer_survives(
        handle in any::<u32>(), delivery_id in any::<Option<u32>>(), tag in of(any::<[u8; 4]>()),
        message_format in any::<Option<u32>>(), settled in any::<Option<bool>>(), more in any::<bool>(),
        aborted in any::<bool>(),
    ) {
        let delivery_tag = tag.as_ref().map(|tag| &tag[..]);
        let transfer = Transfer { handle, delivery_id, delivery_tag, message_format, settled, more, aborted };
        check(&transfer, &Performative::Transfer(transfer.clone()))?;
    }

    #[test]
    fn disposition_survives(disposition in disposition()) {
        check(&disposition, &Performative::Disposition(disposition.clone()))?;
    }

    #[test]
    fn detach_survives(detach in detach()) {
        check(&detach, &Performative::Detach(detach.clone()))?;
    }

    #[test]
    fn end_and_close_survive(error in of(error())) {
        let (end, close) = (End { error: error.clone() }, Close { error });
        check(&end, &Performative::End(end.clone()))?;
        check(&close, &Performative::Close(close.clone()))?;
    }
}

/// Python's client reads fields by their index, up to the last that the standard names.
#[test]
fn every_field_of_the_standard_is_written() {
    fn fields(performative: &impl Encode) -> u32 {
        let mut out = BytesMut::new();
        performative.encode(&mut out);
        // 00 53 code d0 size size size size count count count count
        assert_eq!(out[3], 0xD0);
        u32::from_be_bytes([out[8], out[9], out[10], out[11]])
    }
    let open = Open {
        container_id: String::new(),
        hostname: None,
        max_frame_size: None,
        channel_max: None,
        idle_time_out: None,
    };
    let begin =
        Begin { remote_channel: None, next_outgoing_id: 0, incoming_window: 0, outgoing_window: 0, handle_max: None };
    let attach = Attach {
        name: String::new(),
        handle: 0,
        role: Role::Sender,
        sender_settle_mode: SenderSettleMode::Mixed,
        receiver_settle_mode: 0,
        source: None,
        target: None,
        initial_delivery_count: None,
        max_message_size: None,
        properties: None,
    };
    let disposition = Disposition { role: Role::Sender, first: 0, last: None, settled: true, state: None };
    assert_eq!(fields(&open), 10, "open");
    assert_eq!(fields(&begin), 8, "begin");
    assert_eq!(fields(&attach), 14, "attach");
    assert_eq!(fields(&Flow::default()), 11, "flow");
    assert_eq!(fields(&Transfer::default()), 11, "transfer");
    assert_eq!(fields(&disposition), 6, "disposition");
    assert_eq!(fields(&Detach { handle: 0, closed: true, error: None }), 3, "detach");
    assert_eq!(fields(&End { error: None }), 1, "end");
    assert_eq!(fields(&Close { error: None }), 1, "close");
}

#[test]
fn the_performatives_of_a_client_that_trims_are_read() {
    // JavaScript's client ends the list after the last field that is not null: a begin with four of its eight.
    let begin = b"\x00\x53\x11\xC0\x0A\x04\x40\x43\x70\x00\x00\x08\x00\x52\xFF";
    let (performative, _) = Performative::decode(begin).unwrap();
    assert_eq!(
        performative,
        Performative::Begin(Begin {
            remote_channel: None,
            next_outgoing_id: 0,
            incoming_window: 2048,
            outgoing_window: 255,
            handle_max: None,
        })
    );
}
