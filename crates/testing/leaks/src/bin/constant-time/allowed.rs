//! The places where a branch or an address may depend on a secret, each with the reason. A place
//! that is never needed is an error, so the list stays true.

use crate::valgrind::Report;

/// A place where memcheck may report something.
pub(crate) struct Allowed {
    /// The scenario in which it is allowed, or `None` for all of them.
    scenario: Option<&'static str>,
    place: Place,
    /// Why it reveals no secret.
    #[expect(dead_code, reason = "for readers of this list")]
    reason: &'static str,
}

/// A place in the code: part of "file function" as valgrind names them, such as the end of the
/// file's name and the start of the function's.
enum Place {
    /// The innermost function outside the standard library.
    In(&'static str),
    /// This function, or any function that it calls.
    Under(&'static str),
}

const ANSWER: &str = "whether the input is accepted is public; before that, all bytes were compared \
    without a branch";

const MATRIX: &str = "rejection sampling of the public matrix (FIPS 203); its seed is part of the public key, \
    but is computed here from a marked seed";

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
        "part of a public key; the chunks in which it was received are marked",
    ),
    everywhere(
        Place::In("dh.rs waxseal_core::dh::DhKeyPair::diffie_hellman"),
        ANSWER,
    ),
    everywhere(
        Place::In("header.rs waxseal_core::header::SealedHeader::open"),
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
        "identity keys are public, but are computed here from marked private keys",
    ),
    only_in("handshake", Place::In("open.rs locate"), ANSWER),
    only_in(
        "handshake",
        Place::In("post_quantum.rs from_bytes"),
        "the header has opened, so its fields are known to the peer, but its key came from marked \
         secrets; other scenarios watch the same code with unmarked headers",
    ),
    only_in(
        "handshake",
        Place::Under("Ratchet>::open"),
        "as above: the header of the first message",
    ),
];

/// The index of the allowed place that a report falls under.
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
