//! Lists the places in the code where a branch or a memory address may depend on a secret, each
//! with the reason. A place in the list that memcheck never reports is an error, so the list stays
//! accurate.

use crate::valgrind::Report;

/// A place where memcheck may report something.
pub(crate) struct Allowed {
    /// The scenario in which memcheck may report this place, or `None` for all scenarios.
    scenario: Option<&'static str>,
    place: Place,
    /// Why the branch or address reveals no secret.
    #[expect(dead_code, reason = "for readers of this list")]
    reason: &'static str,
}

/// A place in the code. The text is part of "file function" as valgrind names them. For example, it
/// can be the end of the file's name and the start of the function's name.
enum Place {
    /// This function must be the innermost one on the call stack that is outside the standard
    /// library.
    In(&'static str),
    /// The report may lie in this function, or in any function that it calls directly or
    /// indirectly.
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
    everywhere(
        Place::In("header.rs waxseal_core::chain::header::SealedBody::open_header"),
        ANSWER,
    ),
    everywhere(
        Place::In("receive.rs waxseal_core::chain::receive::PeerChains::open"),
        ANSWER,
    ),
    everywhere(Place::In("cipher.rs decrypt_inout_detached"), ANSWER),
    everywhere(Place::In("receive.rs collect_header"), ANSWER),
    everywhere(Place::In("Braid>::collect_second"), ANSWER),
    everywhere(Place::In("open.rs waxseal_reporting::open::check"), ANSWER),
    everywhere(Place::In("delivery.rs authenticate_in_groups"), ANSWER),
    everywhere(Place::In("Receipt::authenticate"), ANSWER),
    everywhere(Place::In("waxseal_reporting::intake::examine"), ANSWER),
    everywhere(Place::In("PostedFanout::authenticate"), ANSWER),
    everywhere(Place::In("AcceptedReport::decode"), ANSWER),
    everywhere(Place::In("evidence.rs"), ANSWER),
    only_in(
        "handshake",
        Place::In("identity.rs eq"),
        "identity keys are public, but are computed here from marked private keys",
    ),
    only_in(
        "refusals",
        Place::In("identity.rs eq"),
        "identity keys are public, but are computed here from marked private keys",
    ),
    only_in("handshake", Place::In("open.rs locate"), ANSWER),
    only_in(
        "handshake",
        Place::In("post_quantum.rs from_bytes"),
        "the header was decrypted, so the peer knows its fields, but its key came from marked \
         secrets; other scenarios watch this code with unmarked headers",
    ),
    only_in(
        "handshake",
        Place::Under("Ratchet>::open"),
        "the peer knows the fields of the first message's header, but the header's key came from \
         marked secrets",
    ),
];

/// Returns the index of the allowed place that covers a report of memcheck, if any.
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
    /// The text that memcheck's "file function" must contain for this place to match.
    pub(crate) fn function(&self) -> &'static str {
        match self.place {
            Place::In(function) | Place::Under(function) => function,
        }
    }
}
