//! Sweeps every heap block of this process, live or freed, for key bytes that should be gone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod chain;
mod client;
mod control;
mod conversation;
mod derived;
mod files;
mod identity;
mod reporting;
mod roster;
mod transfers;

use waxseal_core::{IdentityKeyPair, PreKeys, SessionSet};
use waxseal_leaks::arena::Arena;
use waxseal_leaks::layout::{Fields, Kind};
use waxseal_leaks::secrets::Secrets;

#[global_allocator]
static HEAP: Arena = Arena::new();

/// Asserts that no heap block holds any of `secrets`. Only blocks after offset `from` of the heap
/// are searched.
fn assert_gone(secrets: &Secrets, from: usize) {
    assert!(!secrets.is_empty());
    let found = secrets.sweep(&HEAP, from);
    assert!(found.is_empty(), "left in memory: {found:#?}");
}

/// Adds the secret fields of an export to `secrets`.
fn add_fields(
    secrets: &mut Secrets,
    whose: &str,
    export: &[u8],
    fields: Vec<(Kind, std::ops::Range<usize>)>,
) {
    for (kind, range) in fields {
        if !matches!(kind, Kind::Other | Kind::Chunk) {
            if kind == Kind::HeaderKey {
                derived::add_header_keys(secrets, whose, &export[range.clone()]);
            }
            secrets.add(&format!("{kind:?} of {whose}"), &export[range]);
        }
    }
}

fn add_sessions(secrets: &mut Secrets, whose: &str, sessions: &SessionSet) {
    let export = sessions.export();
    add_fields(secrets, whose, &export, Fields::of_sessions(&export));
}

fn add_prekeys(secrets: &mut Secrets, whose: &str, prekeys: &PreKeys) {
    let export = prekeys.export();
    add_fields(secrets, whose, &export, Fields::of_prekeys(&export));
}

fn add_identity(secrets: &mut Secrets, whose: &str, identity: &IdentityKeyPair) {
    let name = format!("identity of {whose}");
    secrets.add(&name, &identity.export()[1..]);
}
