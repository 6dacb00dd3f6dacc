//! The challenge and its response.

use md5::{Digest, Md5};

use buildbot_model::Secret;

/// Length of a challenge that this implementation makes.
pub const CHALLENGE_BYTES: usize = 16;

/// The response to a challenge: MD5(MD5(password) ‖ challenge).
pub fn response(password: &Secret<String>, challenge: &[u8]) -> [u8; 16] {
    let secret = Md5::digest(password.expose().as_bytes());
    Md5::new()
        .chain_update(secret)
        .chain_update(challenge)
        .finalize()
        .into()
}

/// Compares in a time that does not depend on where the difference is.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_is_the_recorded_one() {
        // Seen: tests/transcripts/pb-attach.jsonl
        let challenge = 0x9d9b_123b_f197_b45e_1892_0ec9_478f_0bcd_u128.to_be_bytes();
        let expected = 0x2ec4_7008_b75b_7f3b_f9de_5525_5f5b_5e7a_u128.to_be_bytes();
        assert_eq!(
            response(&Secret::new("pw-w-pb".to_owned()), &challenge),
            expected
        );
    }
}
