//! What an event says: byte for byte the template of upstream's simulator, written by hand into a reused buffer.
//!
//! Source: Azure-Samples/streaming-at-scale, `simulator/run-simulator.sh`. One event, here on several lines:
//!
//! ```text
//! { "eventId": "6f1f41fe-4b5c-4f0e-9d0a-1c2d3e4f5a6b", "value": 0.1203459862, "deviceId": "contoso-device-id-000007",
//!   "deviceSequenceNumber": 41, "type": "CO2", "createdAt": "2026-11-22T10:15:30.1234560Z",
//!   "complexData": { "moreData1": 0.804523344, .. "moreData23": 0.1998472013 } }
//! ```
//!
//! About 847 bytes. Everything but `createdAt` follows from the seed, the device and its sequence number, so that the
//! same seed sends the same events, and a copy of an event is the same event.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;
use time::OffsetDateTime;

use super::lane::EventKey;
use crate::model::units::{DeviceIndex, Time};

/// How every device's name begins.
pub const DEVICE_PREFIX: &str = "contoso-device-id-";
/// How many `moreData` fields an event has.
pub const COMPLEX_FIELDS: u32 = 23;
/// An event is about this long, in bytes; a little more than the mean, for buffers.
pub const TYPICAL_BYTES: usize = 864;

/// A moment as .NET's "o" format writes it: `2026-11-22T10:15:30.1234560Z`. Written once for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp([u8; 28]);

impl Stamp {
    /// Writes a moment. Years outside 0 to 9999 become the Unix epoch.
    pub fn new(time: Time) -> Self {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.as_micros()) * 1_000)
            .ok()
            .filter(|moment| (0..=9_999).contains(&moment.year()))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let mut text = *b"0000-00-00T00:00:00.0000000Z";
        digits(&mut text[0..4], moment.year().unsigned_abs());
        digits(&mut text[5..7], u32::from(u8::from(moment.month())));
        digits(&mut text[8..10], u32::from(moment.day()));
        digits(&mut text[11..13], u32::from(moment.hour()));
        digits(&mut text[14..16], u32::from(moment.minute()));
        digits(&mut text[17..19], u32::from(moment.second()));
        digits(&mut text[20..27], moment.nanosecond() / 100);
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Writes a number with leading zeros over the whole of a slice; what does not fit is cut off at the front.
fn digits(into: &mut [u8], mut number: u32) {
    for place in into.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

/// Appends a number in decimal.
fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut text = [0_u8; 20];
    let mut start = text.len();
    loop {
        start -= 1;
        text[start] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[start..]);
}

/// The number that upstream's `Random.Next()` would draw: 0 to 2^31 - 2.
fn next_int(random: &mut Pcg32) -> u64 {
    u64::from(random.next_u32() >> 1).min(u64::from(u32::MAX / 2 - 1))
}

/// Writes the events of one seed.
#[derive(Debug, Clone, Copy)]
pub struct Payloads {
    seed: u64,
}

impl Payloads {
    /// The events of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A generator for one event alone, so that any event can be written without those before it. The multiplications
    /// (constants of `SplitMix64`) keep neighbouring events unlike each other.
    fn random(self, key: EventKey) -> Pcg32 {
        let device = u64::from(key.device.0);
        let mut state = self.seed ^ key.sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (device << 40);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Pcg32::new(state ^ (state >> 31), device)
    }

    /// Appends one event to a buffer.
    pub fn write(self, key: EventKey, created_at: &Stamp, out: &mut Vec<u8>) {
        let mut random = self.random(key);
        out.extend_from_slice(b"{ \"eventId\": \"");
        out.extend_from_slice(&guid(&mut random));
        out.extend_from_slice(b"\", \"value\": 0.");
        decimal(out, next_int(&mut random));
        out.extend_from_slice(b", \"deviceId\": \"");
        write_device_name(key.device, out);
        out.extend_from_slice(b"\", \"deviceSequenceNumber\": ");
        decimal(out, key.sequence);
        out.extend_from_slice(b", \"type\": \"");
        out.extend_from_slice(if random.next_u32() & 1 == 0 { b"TEMP" } else { b"CO2" });
        out.extend_from_slice(b"\", \"createdAt\": \"");
        out.extend_from_slice(&created_at.0);
        out.extend_from_slice(b"\", \"complexData\": { ");
        for field in 1..=COMPLEX_FIELDS {
            out.extend_from_slice(b"\"moreData");
            decimal(out, u64::from(field));
            out.extend_from_slice(b"\": 0.");
            decimal(out, next_int(&mut random));
            if field < COMPLEX_FIELDS {
                out.extend_from_slice(b", ");
            }
        }
        out.extend_from_slice(b" } }");
    }

    /// The `eventId` of an event, as it stands in its payload.
    pub fn event_id(self, key: EventKey) -> String {
        String::from_utf8_lossy(&guid(&mut self.random(key))).into_owned()
    }

    /// Whether an event is sent twice: by chance, one in `every`, the same ones for the same seed. Never if 0.
    pub fn is_duplicated(self, key: EventKey, every: u32) -> bool {
        // A stream of its own: drawing from the event's would change what it says.
        every > 0 && Payloads::new(self.seed ^ 0x0005_eed5).random(key).next_u32().is_multiple_of(every)
    }
}

/// A version 4 GUID in lower case, as .NET writes it.
fn guid(random: &mut Pcg32) -> [u8; 36] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = [0_u8; 16];
    random.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = [b'-'; 36];
    let mut place = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            place += 1;
        }
        text[place] = HEX[usize::from(byte >> 4)];
        text[place + 1] = HEX[usize::from(byte & 0x0f)];
        place += 2;
    }
    text
}

fn write_device_name(device: DeviceIndex, out: &mut Vec<u8>) {
    out.extend_from_slice(DEVICE_PREFIX.as_bytes());
    if device.0 < 1_000_000 {
        let mut six = [0_u8; 6];
        digits(&mut six, device.0);
        out.extend_from_slice(&six);
    } else {
        decimal(out, u64::from(device.0));
    }
}

/// What a device calls itself: `contoso-device-id-000007`.
pub fn device_name(device: DeviceIndex) -> String {
    let mut name = Vec::with_capacity(DEVICE_PREFIX.len() + 6);
    write_device_name(device, &mut name);
    String::from_utf8_lossy(&name).into_owned()
}

/// Which device a name belongs to; `None` if it is not one of ours.
pub fn device_index(name: &str) -> Option<DeviceIndex> {
    let digits = name.strip_prefix(DEVICE_PREFIX)?;
    if digits.len() < 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(DeviceIndex)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn event(seed: u64, device: u32, sequence: u64, created: i64) -> Vec<u8> {
        let mut out = Vec::new();
        let key = EventKey { device: DeviceIndex(device), sequence };
        Payloads::new(seed).write(key, &Stamp::new(Time::from_micros(created)), &mut out);
        out
    }

    #[test]
    fn an_event_has_upstreams_fields_in_upstreams_order() {
        let bytes = event(7, 7, 41, 1_795_342_530_123_456);
        let text = std::str::from_utf8(&bytes).unwrap();
        let value: Value = serde_json::from_str(text).unwrap();
        let order = ["eventId", "value", "deviceId", "deviceSequenceNumber", "type", "createdAt", "complexData"];
        let places = order.map(|name| text.find(&format!("\"{name}\": ")).unwrap());
        assert!(places.is_sorted(), "{text}");
        assert_eq!(value["deviceId"], "contoso-device-id-000007");
        assert_eq!(value["deviceSequenceNumber"], 41);
        assert_eq!(value["createdAt"], "2026-11-22T10:15:30.1234560Z");
        let complex = value["complexData"].as_object().unwrap();
        assert_eq!(complex.len(), 23);
        assert!((1..=23).all(|n| complex[&format!("moreData{n}")].is_number()));
        assert!(text.starts_with("{ \"eventId\": \"") && text.ends_with(" } }"));
    }

    #[test]
    fn events_are_as_long_as_upstreams() {
        // Upstream's simulator, 5,000 events of the first rounds: mean 847 bytes, 836 to 858.
        let lengths: Vec<usize> = (0..5_000).map(|n| event(1, n % 1_000, u64::from(n / 1_000), 0).len()).collect();
        let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
        assert!((845.0..849.0).contains(&mean), "{mean}");
        assert!(lengths.iter().all(|length| (830..=862).contains(length)));
    }

    #[test]
    fn one_event_in_a_thousand_is_sent_twice() {
        let copies = (0..200_000)
            .filter(|n| {
                Payloads::new(3)
                    .is_duplicated(EventKey { device: DeviceIndex(n % 100), sequence: u64::from(n / 100) }, 1_000)
            })
            .count();
        assert!((150..250).contains(&copies), "{copies}");
        assert!(!Payloads::new(3).is_duplicated(EventKey { device: DeviceIndex(0), sequence: 0 }, 0));
    }

    #[test]
    fn a_name_of_another_kind_is_no_device_of_ours() {
        for name in ["", "contoso-device-id-", "contoso-device-id-7", "contoso-device-id-+00007", "other-000007"] {
            assert_eq!(device_index(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_event_is_json_with_the_id_that_is_told_apart(
            seed: u64, device in 0_u32..3_000_000, sequence in 0_u64..u64::MAX / 2, created in 0_i64..253_402_300_799_000_000,
        ) {
            let value: Value = serde_json::from_slice(&event(seed, device, sequence, created)).unwrap();
            let key = EventKey { device: DeviceIndex(device), sequence };
            prop_assert_eq!(value["eventId"].as_str().unwrap(), Payloads::new(seed).event_id(key));
            prop_assert_eq!(device_index(value["deviceId"].as_str().unwrap()), Some(key.device));
            prop_assert_eq!(value["deviceSequenceNumber"].as_u64(), Some(sequence));
            prop_assert!(matches!(value["type"].as_str(), Some("TEMP" | "CO2")));
            let created_back = OffsetDateTime::parse(
                value["createdAt"].as_str().unwrap(), &time::format_description::well_known::Rfc3339,
            ).unwrap();
            prop_assert_eq!(created_back.unix_timestamp_nanos(), i128::from(created) * 1_000);
        }

        #[test]
        fn the_same_seed_says_the_same_and_another_does_not(seed: u64, device in 0_u32..1_000, sequence in 0_u64..1_000) {
            prop_assert_eq!(event(seed, device, sequence, 5), event(seed, device, sequence, 5));
            prop_assert_ne!(event(seed, device, sequence, 5), event(seed ^ 1, device, sequence, 5));
            prop_assert_ne!(event(seed, device, sequence, 5), event(seed, device, sequence + 1, 5));
        }
    }
}
