//! Seeds of the target `log`: genuine entries, notes, promises, receipts and logs.

use waxseal_log::decision::DecisionDetail;
use waxseal_log::entry::{
    AppealOutcome, Day, Detail, Entry, Event, Mark, Measure, Number, PolicyDigest, Purpose,
    ReasonCode, Side,
};
use waxseal_log::link::{Link, account_commitment, report_commitment, reports_root};
use waxseal_log::receipt::{Item, Receipt, Role};
use waxseal_log::report::ReportDigest;
use waxseal_log::tiles::encode_bundle;
use waxseal_log::tree::{Frontier, TreeHash};
use waxseal_log::witness::{AddCheckpoint, Witness};

use super::Seeds;
use crate::targets::log::{ACCOUNT, PROVIDER, SEALED, detail, link, path, root};
use crate::{NOW, rng};

pub(super) fn log(seeds: &mut Seeds) {
    let mut add = |name: &str, kind: u8, bytes: &[u8]| {
        seeds.push(("log", name.to_owned(), [&[kind], bytes].concat()));
    };
    let story = story();
    let entries: Vec<_> = story.iter().map(|(entry, _)| entry.encode()).collect();
    add("entry-decision", 0, &entries[4]);
    add("entry-policy", 0, &entries[0]);
    let mut frontier = Frontier::new();
    let leaves: Vec<_> = entries
        .iter()
        .map(|entry| TreeHash::of_leaf(entry))
        .collect();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    add("frontier", 1, &frontier.encode());
    add(
        "bundle",
        2,
        &[&[3], &encode_bundle(&entries[..3])[..]].concat(),
    );
    let secs = NOW.as_millis() / 1_000;
    let note = PROVIDER.checkpoint(leaves.len() as u64, frontier.root(), secs);
    add("note", 3, &note.encode());
    add("vkey", 4, PROVIDER.vault.verifier().to_string().as_bytes());
    add("keys", 5, PROVIDER.keys.to_string().as_bytes());
    let (old, proof) = (0, Vec::new());
    let request = AddCheckpoint { old, proof, note };
    add("request", 6, &request.encode());
    let logs = vec![PROVIDER.log.verifier()];
    let witness = Witness::new(PROVIDER.witness.clone(), logs).unwrap();
    add("state", 7, &witness.export());
    let empty = PROVIDER.checkpoint(0, TreeHash::of_nothing(), 0);
    let answer = PROVIDER.witness.cosign(empty.text(), secs).to_string();
    add("answer", 8, format!("{answer}\n").as_bytes());
    add("answer-size", 8, b"7\n");
    add("promise", 9, &PROVIDER.promise.encode());
    add("receipt-reporter", 10, &receipt(&story, Role::Reporter));
    add("receipt-account", 10, &receipt(&story, Role::Account));
    let mut steps = Vec::new();
    for entry in &entries {
        steps.push(u8::try_from(entry.len()).unwrap());
        steps.extend(entry);
        steps.push(0);
    }
    add("audit", 11, &steps);
}

/// A report that is opened, decided and appealed.
fn story() -> Vec<(Entry, Detail)> {
    let day = Day::of_ms(NOW.as_millis());
    let promise = &PROVIDER.promise;
    let (report, case) = (promise.entry().number, Number::from_bytes([7; 16]));
    let (reason, purpose) = (ReasonCode::from_number(4).unwrap(), Purpose::UserReport);
    let mark = Mark::from_bytes([8; 16]);
    let policy = PROVIDER
        .policy
        .publish("log.example", 1, PolicyDigest::from_bytes([9; 32]));
    let commitment = report_commitment(&[6; 32], &ReportDigest::of(SEALED));
    let decision = DecisionDetail {
        case: [7; 16],
        officer: [1; 32],
        policy: [9; 32],
        rule: "3.1".to_owned(),
        statement: "A threat.".to_owned(),
        appeal_until_ms: NOW.as_millis(),
        account: account_commitment(&[6; 32], ACCOUNT),
        reports_root: reports_root(&[commitment]),
        reports_count: 1,
    };
    let decision = decision.encode(&mut rng(2)).unwrap();
    let (measure, side) = (Measure::Warning, Side::Account);
    let (openings, days, outcome) = (1, 0, AppealOutcome::Upheld);
    let entry = |number, event, detail: Detail| {
        let digest = detail.digest();
        let entry = Entry {
            day,
            number,
            event,
            digest,
        };
        (entry, detail)
    };
    vec![
        entry(case, Event::PolicyPublished(policy), detail(b"policy")),
        (*promise.entry(), promise.detail().clone()),
        entry(report, Event::ReportSorted { reason }, detail(b"sorted")),
        entry(
            report,
            Event::ContentOpened { purpose, mark },
            detail(b"opened"),
        ),
        entry(
            case,
            Event::Decision {
                reason,
                measure,
                openings,
                days,
            },
            decision,
        ),
        entry(case, Event::NoticeSent { side }, detail(b"notice")),
        entry(case, Event::AppealFiled { side }, detail(b"appeal")),
        entry(case, Event::AppealDecided { outcome, days }, detail(b"end")),
        entry(case, Event::ContentErased, detail(b"erased")),
    ]
}

/// The receipt of the story.
fn receipt(story: &[(Entry, Detail)], role: Role) -> Vec<u8> {
    let leaves: Vec<_> = story.iter().map(|(entry, _)| entry.leaf_hash()).collect();
    let first = match role {
        Role::Reporter => 1,
        Role::Account => 4,
    };
    let items = (first..story.len()).map(|index| {
        let (entry, detail) = &story[index];
        let is_decision = matches!(entry.event, Event::Decision { .. });
        let commitment = report_commitment(&[6; 32], &ReportDigest::of(SEALED));
        let link = match role {
            Role::Reporter => link(commitment),
            Role::Account => Link::Account { salt: [6; 32] },
        };
        Item {
            index: index as u64,
            entry: *entry,
            proof: path(index, &leaves),
            detail: is_decision.then(|| detail.clone()),
            link: is_decision.then_some(link),
        }
    });
    let secs = NOW.as_millis() / 1_000;
    let receipt = Receipt {
        role,
        checkpoint: PROVIDER.checkpoint(leaves.len() as u64, root(&leaves), secs),
        items: items.collect(),
    };
    receipt.encode().unwrap()
}
