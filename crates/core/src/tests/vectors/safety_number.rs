//! `safety_number.json`: the numbers that two people compare.

use super::*;
use crate::{SafetyNumber, Scan};

fn number(input: Input<'_>) -> Result<SafetyNumber, String> {
    if input.get("ours").optional("account_key").is_some() {
        return number_of_accounts(input);
    }
    let party = |name| {
        let party = input.get(name);
        (IdentityKey::from_bytes(&party.get("identity").bytes()).unwrap(), party.get("account").bytes())
    };
    let (ours, theirs) = (party("ours"), party("theirs"));
    SafetyNumber::new((&ours.0, &ours.1), (&theirs.0, &theirs.1)).map_err(refused)
}

fn number_of_accounts(input: Input<'_>) -> Result<SafetyNumber, String> {
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

fn party(secrets: &Value, account: &[u8]) -> Value {
    let identity = identity_of(Input::of(secrets));
    json!({ "identity": hex(identity.public().to_bytes()), "account": hex(account) })
}

fn account(key: u8, name: &[u8]) -> Value {
    json!({ "account_key": hex([key; 32]), "account": hex(name) })
}

fn of_accounts(file: &mut Vectors) {
    let (a, b) = (account(0xa4, b"alice"), account(0xb4, b"bob"));
    let ours = json!({ "ours": a, "theirs": b });
    let shown = file.passes("accounts-alice-sees", "what Alice's devices show", "safety_number", ours.clone());
    let other = file.passes("accounts-bob-sees", "what Bob's show: the same digits, another code to scan", "safety_number", json!({ "ours": b, "theirs": a }));
    assert_eq!(shown["digits"], other["digits"]);
    file.passes("accounts-longest", "an account of 256 bytes, the most", "safety_number", with(&ours, "ours", account(0xa4, &[b'a'; 256])));
    file.passes("accounts-shortest", "an account of one byte", "safety_number", with(&ours, "ours", account(0xa4, b"a")));
    let mut fails = |id: &str, comment: &str, name: &[u8]| {
        file.fails(id, comment, "safety_number", with(&ours, "ours", account(0xa4, name)), 38);
    };
    fails("accounts-empty", "an account of no bytes", b"");
    fails("accounts-257", "an account of 257 bytes, one past the most", &[b'a'; 257]);

    let mut good = ours.clone();
    good["scanned"] = other["scannable"].clone();
    file.passes("accounts-scan", "Alice scans what Bob's device shows", "compare_scanned", good.clone());
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "compare_scanned", input, check);
    };
    let scanned = |change: &dyn Fn(&mut Vec<u8>)| changed(&good, "scanned", change);
    fails("accounts-scan-oneself", "Alice scans what her own device shows", 37, with(&good, "scanned", shown["scannable"].clone()));
    fails("accounts-scan-first-bit", "one bit of Bob's fingerprint", 37, flipped(&good, "scanned", 1, 1));
    fails("accounts-scan-last-bit", "one bit of Alice's fingerprint", 37, flipped(&good, "scanned", -1, 1));
    fails("accounts-scan-other-key", "Alice has another account key for Bob", 37, with(&good, "theirs", account(0xc4, b"bob")));
    fails("accounts-scan-other-account", "Alice has another account for Bob", 37, with(&good, "theirs", account(0xb4, b"bobby")));
    fails("accounts-scan-empty", "no bytes at all", 3, scanned(&Vec::clear));
    fails("accounts-scan-cut", "the last byte is missing", 3, scanned(&|s| { s.pop(); }));
    fails("accounts-scan-extended", "a byte too many", 1, scanned(&|s| s.push(0)));
    fails("accounts-scan-version-1", "version 01, of two identities", 2, scanned(&|s| s[0] = 1));
    fails("accounts-scan-version-3", "version 03", 2, scanned(&|s| s[0] = 3));
}

#[test]
fn safety_numbers() {
    let mut file = Vectors::new(
        CRATE,
        "safety_number.json",
        "Safety numbers, and what comes of scanning one. SPEC.md, “Safety number”, “Derivations”.",
        "identities of keys.json; accounts are the bytes of `alice` and `bob`",
    );
    of_accounts(&mut file);
    let (a, b) = (party(&alice(), b"alice"), party(&bob(), b"bob"));
    let ours = json!({ "ours": a, "theirs": b });
    let theirs = json!({ "ours": b, "theirs": a });
    let shown = file.passes("alice-sees", "what Alice's device shows", "safety_number", ours.clone());
    let other = file.passes("bob-sees", "what Bob's shows: the same digits, another code to scan", "safety_number", theirs.clone());
    assert_eq!(shown["digits"], other["digits"]);
    file.passes("account-longest", "an account of 256 bytes, the most", "safety_number", with(&ours, "ours", party(&alice(), &[b'a'; 256])));
    file.passes("account-shortest", "an account of one byte", "safety_number", with(&ours, "ours", party(&alice(), b"a")));
    let mut fails = |id: &str, comment: &str, account: &[u8]| {
        file.fails(id, comment, "safety_number", with(&ours, "ours", party(&alice(), account)), 38);
    };
    fails("account-empty", "an account of no bytes", b"");
    fails("account-257", "an account of 257 bytes, one past the most", &[b'a'; 257]);

    let mut good = ours.clone();
    good["scanned"] = other["scannable"].clone();
    file.passes("scan", "Alice scans what Bob's device shows", "compare_scanned", good.clone());
    let mut fails = |id: &str, comment: &str, check, input: Value| {
        file.fails(id, comment, "compare_scanned", input, check);
    };
    fails("scan-oneself", "Alice scans what her own device shows", 37, with(&good, "scanned", shown["scannable"].clone()));
    fails("scan-first-bit", "one bit of Bob's fingerprint", 37, flipped(&good, "scanned", 1, 1));
    fails("scan-last-bit", "one bit of Alice's fingerprint", 37, flipped(&good, "scanned", -1, 1));
    let other = |secrets: &Value, account: &[u8]| with(&good, "theirs", party(secrets, account));
    fails("scan-other-identity", "Alice has another identity for Bob", 37, other(&secrets(0xc1, 0xc2), b"bob"));
    fails("scan-other-account", "Alice has another account for Bob", 37, other(&bob(), b"bobby"));
    let scanned = |change: &dyn Fn(&mut Vec<u8>)| changed(&good, "scanned", change);
    fails("scan-empty", "no bytes at all", 3, scanned(&Vec::clear));
    fails("scan-cut", "the last byte is missing", 3, scanned(&|s| { s.pop(); }));
    fails("scan-extended", "a byte too many", 1, scanned(&|s| s.push(0)));
    fails("scan-version-0", "version 00", 2, scanned(&|s| s[0] = 0));
    fails("scan-version-2", "version 02", 2, scanned(&|s| s[0] = 2));
    file.finish();
}
