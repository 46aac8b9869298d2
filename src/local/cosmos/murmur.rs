//! `MurmurHash3`, x64, 128 bits, seed 0: the hash under effective partition keys.
//!
//! Written after the public-domain algorithm description by Austin Appleby
//! (<https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp>).

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The hash as one number: the second 64-bit half is the high one.
pub(super) fn hash_128(data: &[u8]) -> u128 {
    let (mut h1, mut h2) = (0_u64, 0_u64);
    let (blocks, tail) = data.as_chunks::<16>();
    for block in blocks {
        let (k1, k2) = halves(*block);
        h1 = (h1 ^ scrambled_1(k1)).rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ scrambled_2(k2)).rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    // The rest, padded with zeros: a zero half scrambles to zero, so it changes nothing.
    let mut last = [0; 16];
    last[..tail.len()].copy_from_slice(tail);
    let (k1, k2) = halves(last);
    h1 ^= scrambled_1(k1);
    h2 ^= scrambled_2(k2);

    let length = data.len() as u64;
    h1 ^= length;
    h2 ^= length;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finished(h1);
    h2 = finished(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (u128::from(h2) << 64) | u128::from(h1)
}

#[allow(clippy::cast_possible_truncation, reason = "the low half and the high half are what is wanted")]
fn halves(block: [u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(block);
    (both as u64, (both >> 64) as u64)
}

fn scrambled_1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn scrambled_2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finished(mut k: u64) -> u64 {
    k = (k ^ (k >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    k = (k ^ (k >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors that the Cosmos DB SDKs share.
    #[test]
    fn agrees_with_the_known_vectors() {
        for (data, low, high) in [
            (&374.0_f64.to_le_bytes()[..], 16_628_891_264_555_680_919_u64, 12_953_474_369_317_462_u64),
            (b"sample-test", 9_863_137_013_172_825_203, 15_859_947_107_521_786_564),
        ] {
            assert_eq!(hash_128(data), (u128::from(high) << 64) | u128::from(low));
        }
    }
}
