//! Makes `promise.json`: promises.

use super::*;
use crate::codec::{put_medium, put_short};
use crate::entry::*;
use crate::note::{Signer, Verifier};
use crate::promise::Promise;
use crate::report::ReportDigest;

pub(super) fn verify_promise(input: Input<'_>) -> Outcome {
    let bytes = input.get("promise").bytes();
    let promise = Promise::decode(&bytes).map_err(refused)?;
    assert_eq!(promise.encode(), bytes);
    let log: Verifier = input.get("vkey").text().parse().map_err(refused)?;
    let report = ReportDigest::from_bytes(input.get("report_digest").array());
    let told = promise.verify(&log, &report, input.get("now_ms").number()).map_err(refused)?;
    Ok(json!({
        "rejected": told.rejected(), "day": told.leaf().day.0, "leaf_hash": hash_hex(&told.leaf().leaf_hash),
        "number": hex(told.number().as_bytes()), "accepted_ms": told.accepted_at_ms(), "due_ms": told.leaf().due_at_ms(),
    }))
}

/// The parts of a promise, from which each can be changed.
struct Parts {
    day: u32,
    number: Number,
    event: Event,
    report: ReportDigest,
    accepted_ms: u64,
    /// Day in the note.
    promised: u32,
    /// The detail that is shown, if it is not the one that the entry holds.
    shown: Option<Vec<u8>>,
}

impl Parts {
    fn new() -> Self {
        let report = ReportDigest::of(SEALED);
        Self {
            day: DAY, number: report.number(), event: Event::ReportReceived, report, accepted_ms: noon_ms(DAY),
            promised: DAY, shown: None,
        }
    }

    /// The promise, signed over this text if there is one.
    fn bytes(&self, text: impl FnOnce(String) -> String, signer: &Signer) -> Vec<u8> {
        let mut detail = self.report.as_bytes().to_vec();
        detail.extend(self.accepted_ms.to_be_bytes());
        let held = Detail::from_parts([0x5a; 32], detail.clone()).unwrap();
        let entry = Entry { day: Day(self.day), number: self.number, event: self.event, digest: held.digest() };
        let leaf = entry.leaf_hash();
        use base64::Engine as _;
        let leaf = base64::engine::general_purpose::STANDARD.encode(leaf.as_bytes());
        let note = text(format!("waxseal.promise/1\n{ORIGIN}\n{}\n{leaf}\n", self.promised));
        let mut out = vec![1];
        put_medium(&mut out, &Note::sign(note, signer).unwrap().encode());
        put_short(&mut out, &entry.encode());
        out.extend([0x5a; 32]);
        put_medium(&mut out, self.shown.as_ref().unwrap_or(&detail));
        out
    }
}

#[test]
fn promises() {
    let mut file = Vectors::new(
        CRATE,
        "promise.json",
        "Promises. SPEC.md, “Promises”.",
        "log key of the seed 32 x 11, salt 32 x 5a, noon of day 20,000, the bytes “a sealed report”",
    );
    let log = World::new().log;
    let input = |bytes: Vec<u8>| json!({
        "promise": hex(bytes), "vkey": log.verifier().to_string(), "report_digest": hex(ReportDigest::of(SEALED).as_bytes()),
        "now_ms": noon_ms(DAY),
    });
    let signed = |parts: &Parts| input(parts.bytes(|text| text, &log));
    let texted = |change: &dyn Fn(String) -> String| input(Parts::new().bytes(change, &log));
    let verify = "verify_promise";
    let good = signed(&Parts::new());
    file.passes("promise", "an accepted report", verify, good.clone());
    let rejected = Parts { event: Event::ReportRejected { check: 81 }, ..Parts::new() };
    file.passes("promise-rejected", "a report that check 81 rejected", verify, signed(&rejected));
    file.passes("promise-later", "verified a year later", verify, with(&good, "now_ms", noon_ms(DAY + 365)));
    file.passes("promise-day-before", "the clock of the device is a day behind", verify, with(&good, "now_ms", noon_ms(DAY - 1)));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, verify, bad, check);
    fails("promise-empty", "no bytes", input(Vec::new()), 148);
    fails("promise-version", "version 02", flipped(&good, "promise", 0, 3), 148);
    fails("promise-short", "the last byte is missing", changed(&good, "promise", |bytes| { bytes.pop(); }), 148);
    fails("promise-long", "one byte more", changed(&good, "promise", |bytes| bytes.push(0)), 148);
    fails("promise-note", "a note of no signature", changed(&good, "promise", |bytes| bytes[2] -= 1), 148);
    let kind = changed(&good, "promise", |bytes| {
        let at = bytes.len() - (54 + 32 + 2 + 40) + 1;
        bytes[at] = 25;
    });
    fails("promise-entry", "an entry of an unknown kind", kind, 148);
    fails("promise-too-long", "longer than 65,536 bytes", input(vec![1; 65_537]), 148);
    let detail = Parts { shown: Some(vec![0; 4_097]), ..Parts::new() };
    fails("promise-detail-long", "a detail longer than any", signed(&detail), 148);
    let other = Signer::from_seed(ORIGIN, &[0x12; 32]).unwrap();
    fails("promise-key", "signed by another key", input(Parts::new().bytes(|text| text, &other)), 149);
    fails("promise-line", "another first line", texted(&|text| text.replace("promise/1", "promise/2")), 149);
    fails("promise-origin", "another log", texted(&|text| text.replace(ORIGIN, "other.example")), 149);
    fails("promise-zero", "a day with a leading zero", texted(&|text| text.replace("20000", "020000")), 149);
    fails("promise-day-large", "a day above 2^32 - 1", texted(&|text| text.replace("20000", "4294967296")), 149);
    fails("promise-more", "one line more", texted(&|text| format!("{text}more\n")), 149);
    fails("promise-less", "no leaf hash", texted(&|text| text.lines().take(3).map(|line| format!("{line}\n")).collect()), 149);
    let entry = changed(&good, "promise", |bytes| {
        let at = bytes.len() - (54 + 32 + 2 + 40) + 6;
        bytes[at] ^= 1;
    });
    fails("promise-other-entry", "an entry with another number", entry, 150);
    fails("promise-other-day", "the note names another day than the entry", signed(&Parts { promised: DAY + 1, ..Parts::new() }), 150);
    fails("promise-other-kind", "an entry that is no arrival", signed(&Parts { event: Event::HoldPlaced, ..Parts::new() }), 150);
    fails("promise-other-report", "another report", with(&good, "report_digest", hex([0; 32])), 151);
    let number = Parts { number: Number::from_bytes([7; 16]), ..Parts::new() };
    fails("promise-number", "a number that is not the report's", signed(&number), 151);
    let day = Parts { accepted_ms: noon_ms(DAY - 1), ..Parts::new() };
    fails("promise-accepted", "the entry has another day than the acceptance", signed(&day), 151);
    fails("promise-detail", "another detail than the entry holds", signed(&Parts { shown: Some(vec![0; 40]), ..Parts::new() }), 151);
    fails("promise-detail-short", "a detail of another length", signed(&Parts { shown: Some(vec![0; 39]), ..Parts::new() }), 151);
    fails("promise-future", "the clock of the device is two days behind", with(&good, "now_ms", noon_ms(DAY - 2)), 152);
    let never = Parts { day: u32::MAX, promised: u32::MAX, accepted_ms: u64::from(u32::MAX) * 86_400_000, ..Parts::new() };
    fails("promise-never", "a promise that would never be due", signed(&never), 152);
    file.finish();
}
