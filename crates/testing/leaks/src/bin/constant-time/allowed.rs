//! Where a branch or an address may depend on a secret, and why. An entry that is never needed is an error, so that the list stays true.

use crate::valgrind::Report;

/// One place.
pub(crate) struct Allowed {
    /// The only scenario it is allowed in, or any.
    scenario: Option<&'static str>,
    place: Place,
    /// Why it tells nobody a secret.
    #[expect(dead_code, reason = "for whoever reads this list")]
    reason: &'static str,
}

/// File and function as valgrind has them, or the end of one and the beginning of the other.
enum Place {
    /// The innermost function that is not of the standard library.
    In(&'static str),
    /// This function or any that it calls.
    Under(&'static str),
}

const ANSWER: &str = "whether it is accepted is the answer, for everybody to see; all bytes were compared \
    before, without a branch";

const MATRIX: &str = "rejection sampling of the public matrix from its public seed, which is part of the public key \
    and here a hash of a marked seed (FIPS 203)";

const fn everywhere(place: Place, reason: &'static str) -> Allowed {
    Allowed {
        scenario: None,
        place,
        reason,
    }
}

const fn only_in(scenario: &'static str, place: Place, reason: &'static str) -> Allowed {
    Allowed {
        scenario: Some(scenario),
        place,
        reason,
    }
}

pub(crate) const ALLOWED: &[Allowed] = &[
    everywhere(Place::Under("matrix.rs sample_matrix_A"), MATRIX),
    everywhere(Place::Under("algebra.rs sample_ntt"), MATRIX),
    everywhere(
        Place::Under("validate_pk_bytes"),
        "a received key vector, marked with the chunks it came in: a public key",
    ),
    everywhere(
        Place::In("dh.rs waxseal_core::dh::DhKeyPair::diffie_hellman"),
        ANSWER,
    ),
    everywhere(Place::In("cipher.rs decrypt_inout_detached"), ANSWER),
    everywhere(Place::In("receive.rs collect_header"), ANSWER),
    everywhere(Place::In("Braid>::collect_second"), ANSWER),
    everywhere(Place::In("open.rs waxseal_reporting::open::check"), ANSWER),
    everywhere(Place::In("delivery.rs authenticate_in_groups"), ANSWER),
    everywhere(Place::In("Receipt::authenticate"), ANSWER),
    everywhere(Place::In("intake.rs accept"), ANSWER),
    everywhere(Place::In("AcceptedReport::decode"), ANSWER),
    everywhere(Place::In("evidence.rs"), ANSWER),
    only_in(
        "handshake",
        Place::In("identity.rs eq"),
        "identity keys are public, but here computed from marked private keys",
    ),
    only_in("handshake", Place::In("open.rs locate"), ANSWER),
    only_in(
        "handshake",
        Place::In("post_quantum.rs from_bytes"),
        "the header opened, under a key that came from marked secrets: its fields are the peer's own numbers. Other scenarios \
         watch the same code with headers that are not marked",
    ),
    only_in(
        "handshake",
        Place::Under("Ratchet>::open"),
        "as above: the first message's header",
    ),
];

/// Which of the places a report is of.
pub(crate) fn find(scenario: &str, report: &Report) -> Option<usize> {
    let innermost = report.frames.iter().find(|frame| !frame.is_standard())?;
    ALLOWED.iter().position(|allowed| {
        allowed.scenario.is_none_or(|only| only == scenario)
            && match allowed.place {
                Place::In(function) => innermost.place().contains(function),
                Place::Under(function) => {
                    let mut frames = report.frames.iter();
                    frames.any(|frame| frame.place().contains(function))
                }
            }
    })
}

impl Allowed {
    /// The function's name.
    pub(crate) fn function(&self) -> &'static str {
        match self.place {
            Place::In(function) | Place::Under(function) => function,
        }
    }
}
