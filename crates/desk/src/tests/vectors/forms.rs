//! Makes `forms.json`: what a vault derives, stores and exchanges.

use waxseal_log::entry::Detail;
use waxseal_vectors::harness::refused;

use super::*;
use crate::export::{Pseudonyms, webhook};
use crate::hash;
use crate::ids::{AcceptedDigest, CaseId, GrantDigest};
use crate::request::{BodyDigest, RequestTerms};
use crate::tests::world::{Saved, World};
use crate::vault::requests::{Answer, Request};
use crate::vault::{Challenge, LocalVault, OpeningDetail, Vault, VaultCalls, VaultError, VaultSecrets, View};

pub(super) fn derive(input: Input<'_>) -> Outcome {
    let own = input.get("vault_secret").array();
    let key = |label: &[u8]| hash::mac(&own, &[label]);
    let ordinal: u16 = input.get("ordinal").number();
    let grant = GrantDigest::from_bytes(input.get("grant_digest").array());
    let mark = hash::mac(&key(labels::MARK_KEY), &[grant.as_bytes(), &ordinal.to_be_bytes()]);
    let case = CaseId::from_bytes(input.get("case").array());
    let account = input.get("account").text();
    let number = hash::mac(&key(labels::PARTICIPANT_KEY), &[case.as_bytes(), account.as_bytes()]);
    Ok(json!({ "mark": hex(&mark[..16]), "number": u32::from_be_bytes([number[0], number[1], number[2], number[3]]) }))
}

pub(super) fn opening(input: Input<'_>) -> Outcome {
    let challenge = Challenge { ordinal: input.get("ordinal").number(), mark: waxseal_log::entry::Mark::from_bytes([0; 16]), challenge: input.get("challenge").array() };
    let report = AcceptedDigest::of(&input.get("accepted").bytes());
    let detail = OpeningDetail::new(GrantDigest::from_bytes(input.get("grant_digest").array()), report, &challenge).encode();
    let digest = Detail::from_parts(input.get("salt").array(), detail.clone()).unwrap().digest();
    Ok(json!({ "detail": hex(&detail), "entry_digest": hex(digest.as_bytes()) }))
}

fn utf8(input: Input<'_>) -> String {
    String::from_utf8(input.bytes()).unwrap()
}

pub(super) fn pseudonym(input: Input<'_>) -> Outcome {
    let (secret, case) = (input.get("desk_secret").array(), input.get("case").array());
    let pseudonyms = Pseudonyms::of_case(&secret, &case);
    let (kind, id) = (utf8(input.get("kind")), input.get("id").bytes());
    Ok(json!({ "pseudonym": pseudonyms.of(&kind, &id), "action": pseudonyms.number(&kind, &id) }))
}

pub(super) fn view_digest(input: Input<'_>) -> Outcome {
    let (accepted, view) = (input.get("accepted").bytes(), input.get("view").bytes());
    Ok(json!({ "view_digest": hex(crate::opening::view_digest(&accepted, &view)) }))
}

pub(super) fn webhook(input: Input<'_>) -> Outcome {
    let (key, export, body) = (input.get("key").array(), input.get("export").array(), input.get("body").bytes());
    let signature = webhook::sign(&key, &export, input.get("at_secs").number(), &body);
    Ok(json!({ "signature": hex(signature.as_bytes()) }))
}

pub(super) fn signed_request(input: Input<'_>) -> Outcome {
    let (origin, method, path) = (input.get("origin").text().to_owned(), utf8(input.get("method")), utf8(input.get("path")));
    let body = input.get("body").bytes();
    let at = waxseal_reporting::Timestamp::from_millis(input.get("at_ms").number());
    let terms = RequestTerms { origin: &origin, method: &method, path: &path, at, nonce: input.get("nonce").array(), body: BodyDigest::of(&body) };
    let key = crate::officer::OfficerKey::from_seed(&input.get("seed").array());
    Ok(json!({ "signature": hex(terms.sign(&key)) }))
}

pub(super) fn secrets(input: Input<'_>) -> Outcome {
    let secrets = VaultSecrets::import(&input.get("secrets").bytes()).map_err(refused)?;
    let vault = secrets.cosigner("v").unwrap().verifier();
    Ok(json!({ "vault": hex(vault.key()) }))
}

pub(super) fn state(input: Input<'_>) -> Outcome {
    let keys = input.get("keys").text().parse().unwrap();
    let secrets = VaultSecrets::import(&input.get("secrets").bytes()).unwrap();
    let state = input.get("state").bytes();
    let vault = Vault::new(keys, &secrets, Some(&state)).map_err(refused)?;
    assert_eq!(vault.export_state(), state);
    let status = vault.status();
    Ok(json!({ "size": status.size, "policy_version": status.policy.map(|(version, _)| version) }))
}

pub(super) fn request(input: Input<'_>) -> Outcome {
    let bytes = input.get("request").bytes();
    let request = Request::decode(&bytes).map_err(refused)?;
    assert_eq!(request.encode(), bytes);
    Ok(json!({ "kind": bytes[1] }))
}

pub(super) fn answer(input: Input<'_>) -> Outcome {
    let bytes = input.get("answer").bytes();
    let answer = Answer::decode(&bytes).map_err(refused)?;
    assert_eq!(answer.encode()[..], bytes);
    Ok(json!({ "kind": bytes[1] }))
}

pub(super) fn view(input: Input<'_>) -> Outcome {
    let bytes = input.get("view").bytes();
    let view = View::decode(&bytes).map_err(refused)?;
    assert_eq!(view.encode()[..], bytes);
    let ordinals: Vec<_> = view.messages.iter().map(|message| message.ordinal).collect();
    Ok(json!({ "reason": view.reason.number(), "note": view.note.as_str(), "in_report": view.messages_in_report, "ordinals": ordinals }))
}

fn stored(file: &mut Vectors) {
    let world = World::new();
    let export = world.secrets.export();
    let good = json!({ "secrets": hex(&*export) });
    file.passes("secrets", "one key of each kind", "secrets", good.clone());
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>), check| {
        file.fails(id, comment, "secrets", changed(&good, "secrets", change), check);
    };
    fails("secrets-long", "one byte more than the longest secrets", &|bytes| bytes.resize(1_141, 0), 160);
    fails("secrets-version-2", "version 02", &|bytes| bytes[0] = 2, 161);
    fails("secrets-no-key", "a count of 0 moderation keys", &|bytes| bytes[65] = 0, 181);
    fails("secrets-cut", "the last byte is missing", &|bytes| { bytes.pop(); }, 181);
    fails("secrets-flag", "the last flag is 2", &|bytes| *bytes.last_mut().unwrap() = 2, 181);

    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    world.open(&grant, &waiting).unwrap();
    let good = json!({ "keys": world.keys.to_string(), "secrets": hex(&*world.secrets.export()), "state": hex(world.memory.states.last().unwrap()) });
    file.passes("state", "two entries, a policy and a mark", "state", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value| file.fails(id, comment, "state", input, 180);
    fails("state-size", "the size is changed", flipped(&good, "state", 88, 1));
    fails("state-mark", "a mark is changed", flipped(&good, "state", -40, 1));
    fails("state-mac", "the MAC is changed", flipped(&good, "state", -1, 1));
    fails("state-cut", "the last byte is missing", changed(&good, "state", |bytes| { bytes.pop(); }));
    let keys = world.keys.to_string().replace("quorum 2", "quorum 1");
    fails("state-other-keys", "the state of a vault with another quorum", with(&good, "keys", keys));
}

fn derived(file: &mut Vectors) {
    file.passes("derive", "mark and number of a participant", "derive", json!({ "vault_secret": hex([0x5e; 32]), "grant_digest": hex([0x6d; 32]), "ordinal": 2, "case": hex([0xca; 16]), "account": "bob" }));
    file.passes("opening", "the detail of an entry, and its digest", "opening", json!({ "grant_digest": hex([0x6d; 32]), "accepted": hex(b"any bytes"), "ordinal": 2, "challenge": hex([0xc4; 32]), "salt": hex([0x5a; 32]) }));
    file.passes("pseudonym", "pseudonym and number of a report", "pseudonym", json!({ "desk_secret": hex([0xde; 32]), "case": hex([0xca; 16]), "kind": hex(b"conversation"), "id": hex([0x1d; 16]) }));
    file.passes("view-digest", "the digest of what was shown", "view_digest", json!({ "accepted": hex(b"any bytes"), "view": hex(b"any view") }));
    file.passes("webhook", "the signature of an event for a webhook", "webhook", json!({ "key": hex([0x3e; 32]), "export": hex([0xe0; 16]), "at_secs": 1_800_000_000, "body": hex(b"{}") }));
    file.passes("signed-request", "a request to the desk's server", "signed_request", json!({ "seed": hex([0x0f; 32]), "origin": "provider.example/desk", "method": hex(b"GET"), "path": hex(b"/v1/queue?limit=5"), "at_ms": 1_800_000_000_000u64, "nonce": hex([0x4e; 16]), "body": hex(b"") }));
}

fn exchanged(file: &mut Vectors) {
    let mut world = World::new();
    let waiting = world.report(&["first", "second"]);
    let terms = world.terms(waxseal_log::entry::Purpose::UserReport, &[(&waiting, 0b10)]);
    let grant = world.sign(terms);
    let open = world.prepare(&grant, &waiting).unwrap();
    let (id, accepted, report) = (waiting.id, waiting.accepted.clone(), waiting.digest());
    let (note, entries) = (world.witnessed(2).encode(), world.entries.clone());
    let (document, now) = (world.policy.encode().to_vec(), world.now);
    let requests = [
        ("status", Request::Status), ("follow", Request::Follow { note, entries }), ("adopt", Request::Adopt { document }),
        ("challenge", Request::Challenge { grant: grant.clone(), report }), ("open", Request::Open(open.clone())), ("sort", Request::Sort { id, accepted }),
    ];
    let mut vault = LocalVault::new(world.vault, Saved::default(), world.rng);
    let requests = requests.map(|(name, request)| (name, json!({ "request": hex(request.encode()) })));
    for (name, input) in &requests {
        file.passes(&format!("request-{name}"), "a request", "request", input.clone());
    }
    let of = |name: &str| requests.iter().find(|(other, _)| *other == name).unwrap().1.clone();
    let mut fails = |id: &str, comment: &str, request: &str, change: &dyn Fn(&mut Vec<u8>), check| {
        file.fails(id, comment, "request", changed(&of(request), "request", change), check);
    };
    fails("request-version-2", "version 02", "status", &|bytes| bytes[0] = 2, 161);
    fails("request-kind-0", "kind 0", "status", &|bytes| bytes[1] = 0, 181);
    fails("request-kind-7", "kind 7", "status", &|bytes| bytes[1] = 7, 181);
    fails("request-status-extended", "a byte after the kind", "status", &|bytes| bytes.push(0), 181);
    fails("request-follow-cut", "the last entry is cut", "follow", &|bytes| { bytes.pop(); }, 181);
    fails("request-follow-extended", "a byte after the entries", "follow", &|bytes| bytes.push(0), 181);
    fails("request-adopt-long", "a document of 65,537 bytes", "adopt", &|bytes| bytes.resize(2 + 65_537, 0), 181);
    fails("request-challenge-cut", "the report's digest is cut", "challenge", &|bytes| { bytes.pop(); }, 181);
    fails("request-challenge-grant", "the grant has purpose 9", "challenge", &|bytes| bytes[2 + 4 + 4 + 1 + 16 + 2 + 16 + 32 + 16] = 9, 181);
    fails("request-open-cut", "the salt is cut", "open", &|bytes| bytes.truncate(340), 181);
    fails("request-sort-cut", "the id is cut", "sort", &|bytes| bytes.truncate(17), 181);

    let answers = [
        ("refused", Answer::Refused(VaultError::TooFewWitnesses { found: 1, quorum: 2 })), ("refused-number", Answer::Refused(VaultError::OtherNumber)), ("status", Answer::Status(vault.status().unwrap())), ("adopt", Answer::Adopt),
        ("challenge", Answer::Challenge(Challenge { ordinal: 2, mark: waxseal_log::entry::Mark::from_bytes([3; 16]), challenge: [4; 32] })),
        ("open", Answer::Open(vault.open(&open, now).unwrap().into())), ("sort", Answer::Sort(vault.sort(&waiting.id, &waiting.accepted, now).unwrap())),
    ];
    let answers = answers.map(|(name, answer)| (name, json!({ "answer": hex(&*answer.encode()) })));
    for (name, input) in &answers {
        file.passes(&format!("answer-{name}"), "an answer", "answer", input.clone());
    }
    let of = |name: &str| answers.iter().find(|(other, _)| *other == name).unwrap().1.clone();
    let mut fails = |id: &str, comment: &str, answer: &str, change: &dyn Fn(&mut Vec<u8>), check| {
        file.fails(id, comment, "answer", changed(&of(answer), "answer", change), check);
    };
    fails("answer-version-2", "version 02", "adopt", &|bytes| bytes[0] = 2, 161);
    fails("answer-kind-7", "kind 7", "adopt", &|bytes| bytes[1] = 7, 181);
    fails("answer-refused-check", "a check that no vault makes", "refused", &|bytes| bytes[2] = 1, 181);
    fails("answer-refused-state", "the check 180, which comes before any request", "refused-number", &|bytes| bytes[2] = 180, 181);
    fails("answer-refused-cut", "the last byte is missing", "refused", &|bytes| { bytes.pop(); }, 181);
    fails("answer-status-flag", "the last flag is 2", "status", &|bytes| { let at = bytes.len() - 1_218; bytes[at] = 2; }, 181);
    fails("answer-challenge-extended", "a byte after the challenge", "challenge", &|bytes| bytes.push(0), 181);
    fails("answer-sort-reason-17", "reason 17", "sort", &|bytes| bytes[2] = 17, 181);
    fails("answer-sort-reason-0", "reason 0", "sort", &|bytes| bytes[2] = 0, 181);

    let good = changed(&json!({ "view": of("open")["answer"] }), "view", |bytes| drop(bytes.drain(..2)));
    file.passes("view", "one of two messages", "view", good.clone());
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>), check| {
        file.fails(id, comment, "view", changed(&good, "view", change), check);
    };
    // 01 || 01 || short("alice") || reason || medium(note) || accepted || flags
    //   || messages in report
    let flags = 1 + 1 + 6 + 1 + 2 + 8;
    let message = flags + 3;
    fails("view-version-3", "version 03", &|bytes| bytes[0] = 3, 161);
    fails("view-version-2", "version 02 without a file that is sealed in chunks", &|bytes| bytes[0] = 2, 181);
    fails("view-long", "one byte more than the longest view", &|bytes| bytes.resize(crate::vault::MAX_VIEW_LEN + 1, 0), 160);
    fails("view-cut", "the last byte is missing", &|bytes| { bytes.pop(); }, 181);
    fails("view-extended", "a byte after the names", &|bytes| bytes.push(0), 181);
    fails("view-account", "the reported account has a control character", &|bytes| bytes[3] = 0, 181);
    fails("view-reason-17", "reason 17", &|bytes| bytes[8] = 17, 181);
    fails("view-flags", "an unknown flag", &|bytes| bytes[flags] |= 4, 181);
    fails("view-in-report-31", "31 messages in the report", &|bytes| bytes[flags + 1] = 31, 181);
    fails("view-in-report-1", "the shown message has the ordinal 1 of 1 message", &|bytes| bytes[flags + 1] = 1, 181);
    fails("view-claim", "the claim's index is 2 of 2 messages", &|bytes| bytes[message + 1] = 2, 181);
    fails("view-participant", "a participant of kind 2", &|bytes| bytes[message + 2] = 2, 181);
    let reply = message + 3 + 16 + 1 + 1 + 4;
    fails("view-reference", "a reference of kind 3", &|bytes| bytes[reply] = 3, 181);
    fails("view-reference-beyond", "a reference to message 2 of 2", &|bytes| drop(bytes.splice(reply..reply + 1, [1, 2])), 181);
    fails("view-contradiction", "an unknown contradiction", &|bytes| bytes[reply + 11] = 8, 181);
    fails("view-parts-1", "a message of one part", &|bytes| bytes[reply + 12] = 1, 181);
    fails("view-content-7", "content of kind 7", &|bytes| bytes[reply + 13] = 7, 181);
    fails("view-text", "text that is not UTF-8", &|bytes| bytes[reply + 18] = 0xff, 181);
    viewed_files(file, &good);
}

/// Views that show a file that is sealed in chunks.
fn viewed_files(file: &mut Vectors, good: &Value) {
    use crate::vault::{ChunkedFile, FileAccess, ViewedAttachment, ViewedPreview};
    let chunk = |index: u32| (index, [7; 32].into());
    let five = ChunkedFile {
        size_bytes: 5 * 65_536, root: [0xf0; 32], media_type: "image/jpeg".into(), name: "a.jpg".to_owned().into(),
        location: "blob:1".into(), named: true, access: FileAccess::Chunks(vec![chunk(0), chunk(4)]),
        preview: Some(ViewedPreview { media_type: "image/webp".into(), picture: b"small".to_vec().into() }),
    };
    let with_file = |change: &dyn Fn(&mut ChunkedFile)| {
        let mut viewed = five.clone();
        change(&mut viewed);
        let mut view = View::decode(&harness::unhex(good["view"].as_str().unwrap())).unwrap();
        view.messages[0].parts = 5;
        view.messages[0].attachments = vec![(2, ViewedAttachment::Chunked(viewed))];
        json!({ "view": hex(&*view.encode()) })
    };
    let chunks = with_file(&|_| {});
    file.passes("view-chunks", "two chunks of a file, with its preview", "view", chunks.clone());
    file.passes("view-file", "a whole file, without its preview", "view", with_file(&|file| { file.access = FileAccess::Whole([7; 32].into()); file.preview = None; }));
    file.passes("view-descriptor", "a file whose key is withheld", "view", with_file(&|file| file.access = FileAccess::Descriptor));
    let mut fails = |id: &str, comment: &str, input: Value| file.fails(id, comment, "view", input, 181);
    fails("view-file-version-1", "a file that is sealed in chunks in a view of version 01", changed(&chunks, "view", |bytes| bytes[0] = 1));
    fails("view-file-4-gib-1", "a file of 4 GiB and a byte", with_file(&|file| file.size_bytes = (1 << 32) + 1));
    fails("view-chunks-none", "a file of which no chunks are shown, as if some were", with_file(&|file| file.access = FileAccess::Chunks(vec![])));
    fails("view-chunks-descend", "chunks in descending order", with_file(&|file| file.access = FileAccess::Chunks(vec![chunk(4), chunk(0)])));
    fails("view-chunks-twice", "a chunk twice", with_file(&|file| file.access = FileAccess::Chunks(vec![chunk(1), chunk(1)])));
    fails("view-chunks-past", "a chunk that the file does not have", with_file(&|file| file.access = FileAccess::Chunks(vec![chunk(5)])));
    fails("view-chunks-1025", "1,025 chunks, one past the most", with_file(&|file| { file.size_bytes = 1 << 30; file.access = FileAccess::Chunks((0..1_025).map(chunk).collect()); }));
    let picture = |len: usize| move |file: &mut ChunkedFile| file.preview = Some(ViewedPreview { media_type: String::new(), picture: vec![7; len].into() });
    fails("view-preview-empty", "a preview without a picture", with_file(&picture(0)));
    fails("view-preview-16385", "a picture of 16,385 bytes, one past the most", with_file(&picture(16_385)));
}

#[test]
fn forms() {
    let mut file = Vectors::new(CRATE, "forms.json", "What a vault derives, stores and exchanges. SPEC.md, “Vault”, “View”, “Frames”.", "keys drawn by ChaCha20 from the seed 15");
    derived(&mut file);
    stored(&mut file);
    exchanged(&mut file);
    file.finish();
}
