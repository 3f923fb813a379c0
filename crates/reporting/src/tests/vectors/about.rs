//! Makes the vectors of `report.json` and `review.json` for reports about an account.

use super::report::{claim, resign, resign_as, seal, to, to_accept};
use super::review::section as openings;
use super::unseal::{SECRET, sealed};
use super::*;
use crate::tests::world::{bytes_of, device};
use crate::{codec, wire};

/// The claims section of a report by Bob's device 7 about an account.
fn about(account: &str) -> Vec<u8> {
    let mut out = bytes_of(|out| device("bob", 7).put(out));
    out.push(0);
    codec::put_short(&mut out, account.as_bytes());
    out
}

fn report(claims: Vec<u8>) -> Vec<u8> {
    wire::encode(&seal(claims, vec![0x5e; 64]))
}

pub(super) fn reports(file: &mut Vectors) {
    let by = |account: &str, reporter: &str| json!({ "account": account, "reporter": reporter });
    file.passes("nullifier-account", "an account, reported by Bob", "nullifier", by("mallory", "bob"));
    file.passes("nullifier-account-swapped", "Bob, reported by that account", "nullifier", by("bob", "mallory"));
    let good = to_accept(&report(about("mallory")));
    let accepted = file.passes("about", "a report about an account, without claims", "accept", good.clone());
    let queued = json!({ "accepted": accepted["accepted"], "acceptance_key": good["acceptance_key"], "id": good["id"] });
    file.passes("queued-about", "the same in the queue", "import_accepted", queued);
    file.passes("about-namesake", "an account whose name starts like the reporter's", "accept", to_accept(&report(about("bobby"))));
    let again = with(&good, "seen", accepted["nullifiers"].clone());
    file.fails("about-again", "the account was reported before", "accept", again, 80);
    file.fails("about-oneself", "the reporter's own account", "accept", to_accept(&report(about("bob"))), 117);
    file.fails("about-mac-bit", "one bit of the account, under the MAC of another", "accept", flipped(&good, "report", 4 + 9, 1), 74);
    let mut fails = |id: &str, comment: &str, claims: Vec<u8>, check| {
        file.fails(id, comment, "accept", to_accept(&report(claims)), check);
    };
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut claims = about("mallory");
        change(&mut claims);
        claims
    };
    let put = |out: &mut Vec<u8>| claim(0x11, "alice", to("bob"), 0).put(out);
    fails("about-and-claim", "a claim behind the account", changed(&put), 54);
    fails("about-two-accounts", "a second account behind the first", changed(&|c| codec::put_short(c, b"carol")), 54);
    fails("about-cut", "the last byte of the account is missing", changed(&|c| { c.pop(); }), 54);
    fails("about-empty", "an account of no bytes", about(""), 55);
    fails("about-control", "a control character in the account", about("mall\u{1}ry"), 55);
    fails("about-129", "an account of 129 bytes", about(&"m".repeat(129)), 55);
    let mut with_one = changed(&|c| { let account = c.split_off(9); put(c); c.extend(account); });
    with_one[8] = 1;
    fails("claim-and-about", "one claim, and an account behind it", with_one, 54);
    let mut version_1 = seal(about("mallory"), vec![0x5e; 64]);
    resign_as(labels::REPORTER_1, &mut version_1);
    let version_1 = wire::encode_as(1, &version_1);
    file.fails("about-version-1", "in version 01, which has no such reports", "accept", to_accept(&version_1), 75);
}

pub(super) fn reviews(file: &mut Vectors) {
    let key = ModerationKeyPair::import(&SECRET).unwrap();
    let none = openings(3, b"not Alice", &[]);
    let report = sealed(labels::REPORT_OPENINGS, &key, about("mallory"), &none);
    let good = json!({ "moderation_key": hex(SECRET), "report": hex(wire::encode(&report)) });
    let unsealed = file.passes("unseal-about", "a report about an account", "unseal", good.clone());
    let mut moved = report;
    moved.claims = about("malory");
    resign(&mut moved);
    file.fails("unseal-about-another", "moved under another account", "unseal", with(&good, "report", hex(wire::encode(&moved))), 83);
    let good = json!({ "unsealed": unsealed["unsealed"] });
    file.passes("unsealed-about", "a report about an account on its way to a reviewer", "import_unsealed", good.clone());
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>)| {
        file.fails(id, comment, "import_unsealed", changed(&good, "unsealed", change), 116);
    };
    fails("unsealed-about-version-1", "a report of version 01 about an account", &|u| u[1] = 1);
    fails("unsealed-about-repeated", "the bit of a claim in a report about an account", &|u| u[29] = 1);
    fails("unsealed-about-cut", "the length of the claims is one less", &|u| u[33] -= 1);
    let good = json!({ "report_version": 2, "claims": hex(about("mallory")), "openings": hex(none) });
    file.passes("review-about", "a report about an account, with a note and no openings", "review_openings", good.clone());
    let one = review::Message::new(0x4b, franking::text("Hello, world"));
    let shown = hex(openings(3, b"", &[one.opening(0b11)]));
    file.fails("review-about-with-opening", "a report about an account with an opening", "review_openings", with(&good, "openings", shown), 85);
}
