//! `safety_number.json`: the numbers that two people compare.

use super::*;
use crate::{SafetyNumber, Scan};

fn number(input: Input<'_>) -> Result<SafetyNumber, String> {
    let party = |name| {
        let party = input.get(name);
        (party.get("account_key").array(), String::from_utf8(party.get("account").bytes()).unwrap())
    };
    let (ours, theirs) = (party("ours"), party("theirs"));
    SafetyNumber::of_accounts((&ours.0, &ours.1), (&theirs.0, &theirs.1)).map_err(refused)
}

pub(super) fn safety_number(input: Input<'_>) -> Outcome {
    let number = number(input)?;
    Ok(json!({ "digits": number.digits(), "scannable": hex(number.scannable()) }))
}

pub(super) fn compare_scanned(input: Input<'_>) -> Outcome {
    match number(input)?.compare_scanned(&input.get("scanned").bytes()).map_err(refused)? {
        Scan::Match => Ok(json!({})),
        mismatch => Err(refused(mismatch)),
    }
}

fn account(key: u8, name: &[u8]) -> Value {
    json!({ "account_key": hex([key; 32]), "account": hex(name) })
}

#[test]
fn safety_numbers() {
    let mut file = Vectors::new(
        CRATE,
        "safety_number.json",
        "Safety numbers, and what comes of scanning one. SPEC.md, “Safety number”, “Derivations”.",
        "each account key is one byte, repeated; accounts are the bytes of `alice` and `bob`",
    );
    let (a, b) = (account(0xa4, b"alice"), account(0xb4, b"bob"));
    let ours = json!({ "ours": a, "theirs": b });
    let shown = file.passes("alice-sees", "what Alice's devices show", "safety_number", ours.clone());
    let other = file.passes("bob-sees", "what Bob's show: the same digits, another code to scan", "safety_number", json!({ "ours": b, "theirs": a }));
    assert_eq!(shown["digits"], other["digits"]);
    file.passes("account-longest", "an account of 256 bytes, the most", "safety_number", with(&ours, "ours", account(0xa4, &[b'a'; 256])));
    file.passes("account-shortest", "an account of one byte", "safety_number", with(&ours, "ours", account(0xa4, b"a")));
    let mut fails = |id: &str, comment: &str, name: &[u8]| {
        file.fails(id, comment, "safety_number", with(&ours, "ours", account(0xa4, name)), 38);
    };
    fails("account-empty", "an account of no bytes", b"");
    fails("account-257", "an account of 257 bytes, one past the most", &[b'a'; 257]);

    let mut good = ours.clone();
    good["scanned"] = other["scannable"].clone();
    file.passes("scan", "Alice scans what Bob's device shows", "compare_scanned", good.clone());
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "compare_scanned", input, check);
    };
    let scanned = |change: &dyn Fn(&mut Vec<u8>)| changed(&good, "scanned", change);
    fails("scan-oneself", "Alice scans what her own device shows", 37, with(&good, "scanned", shown["scannable"].clone()));
    fails("scan-first-bit", "one bit of Bob's fingerprint", 37, flipped(&good, "scanned", 1, 1));
    fails("scan-last-bit", "one bit of Alice's fingerprint", 37, flipped(&good, "scanned", -1, 1));
    fails("scan-other-key", "Alice has another account key for Bob", 37, with(&good, "theirs", account(0xc4, b"bob")));
    fails("scan-other-account", "Alice has another account for Bob", 37, with(&good, "theirs", account(0xb4, b"bobby")));
    fails("scan-empty", "no bytes at all", 3, scanned(&Vec::clear));
    fails("scan-cut", "the last byte is missing", 3, scanned(&|s| { s.pop(); }));
    fails("scan-extended", "a byte too many", 1, scanned(&|s| s.push(0)));
    fails("scan-version-0", "version 00", 2, scanned(&|s| s[0] = 0));
    fails("scan-version-1", "version 01", 2, scanned(&|s| s[0] = 1));
    fails("scan-version-3", "version 03", 2, scanned(&|s| s[0] = 3));
    file.finish();
}
