//! Makes `vault.json`: requests to a vault, one after the other, of which the last is the point.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use waxseal_log::entry::{Detail, Digest, Event, Purpose};
use waxseal_log::note::Note;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use waxseal_vectors::harness::refused;

use super::*;
use crate::grant::SignedGrant;
use crate::policy::Policy;
use crate::tests::world::{HOUR, Saved, Waiting, World, copy, device, terms};
use crate::vault::requests::{Answer, Request};
use crate::vault::{Challenge, LocalVault, OpeningDetail, Vault, VaultSecrets};

/// Gives the same byte always, so that a challenge is known.
struct Constant(u8);

impl TryRng for Constant {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> { Ok(u32::from_be_bytes([self.0; 4])) }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> { Ok(u64::from_be_bytes([self.0; 8])) }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> { bytes.fill(self.0); Ok(()) }
}

impl TryCryptoRng for Constant {}

const RANDOM: u8 = 0xc4;

pub(super) fn vault(input: Input<'_>) -> Outcome {
    let keys = input.get("keys").text().parse().unwrap();
    let secrets = VaultSecrets::import(&input.get("secrets").bytes()).unwrap();
    let vault = Vault::new(keys, &secrets, None).unwrap();
    let [random] = input.get("random").array();
    let mut vault = LocalVault::new(vault, Saved::default(), Constant(random));
    let steps = input.list("steps");
    let mut last = Answer::Adopt;
    for (number, step) in steps.iter().enumerate() {
        let request = Request::decode(&step.get("request").bytes()).unwrap();
        last = request.answer(&mut vault, Timestamp::from_millis(step.get("now_ms").number()));
        if let Answer::Refused(error) = last {
            assert!(number + 1 == steps.len(), "step {number}: {error:?}");
            return Err(refused(error));
        }
    }
    let (_, memory, _) = vault.into_parts();
    Ok(json!({ "answer": hex(&*last.encode()), "state": memory.states.last().map(hex) }))
}

/// A world whose vault is the one of a vector, with the requests that were made.
struct Script {
    world: World,
    steps: Vec<Value>,
    read: usize,
}

impl Script {
    /// A vault that has followed the log and adopted the policy.
    fn new() -> Self {
        let mut script = Self { world: World::empty(), steps: Vec::new(), read: 0 };
        script.world.publish(script.world.policy.clone());
        script.follow();
        script.adopt();
        script
    }

    fn step(&mut self, request: &Request) {
        self.steps.push(json!({ "now_ms": self.world.now.as_millis(), "request": hex(request.encode()) }));
    }

    fn follow(&mut self) {
        let size = self.world.entries.len();
        let note = self.world.witnessed(size);
        self.follow_with(self.world.entries[self.read..].to_vec(), &note);
        self.read = size;
    }

    fn follow_with(&mut self, entries: Vec<Vec<u8>>, note: &Note) {
        self.step(&Request::Follow { note: note.encode(), entries });
    }

    fn adopt(&mut self) {
        let document = self.world.policy.encode().to_vec();
        self.step(&Request::Adopt { document });
    }

    fn challenge(&mut self, grant: &SignedGrant, waiting: &Waiting) -> Challenge {
        self.step(&Request::Challenge { grant: grant.clone(), report: waiting.digest() });
        // The mark follows from the vault's secret, as `derive` in forms.json shows.
        let own = self.world.secrets.export();
        let key = crate::hash::mac(own[33..65].try_into().unwrap(), &[labels::MARK_KEY]);
        let mark = crate::hash::mac(&key, &[grant.grant().digest().as_bytes(), &[0, 1]]);
        Challenge { ordinal: 1, mark: waxseal_log::entry::Mark::from_bytes(mark[..16].try_into().unwrap()), challenge: [RANDOM; 32] }
    }

    fn log(&mut self, grant: &SignedGrant, waiting: &Waiting, challenge: &Challenge, change: impl FnOnce(&mut OpeningDetail)) {
        let mut detail = OpeningDetail::new(grant.grant().digest(), waiting.digest(), challenge);
        change(&mut detail);
        let digest = Detail::from_parts([0x5a; 32], detail.encode()).unwrap().digest();
        self.world.append_with(waiting.number(), Event::ContentOpened { purpose: grant.grant().terms().purpose, mark: challenge.mark }, digest);
    }

    fn open(&mut self, grant: &SignedGrant, waiting: &Waiting, challenge: &Challenge) {
        self.step(&Request::Open(World::request(grant, waiting, challenge, [0x5a; 32])));
    }

    /// All steps of an opening.
    fn opened(&mut self, grant: &SignedGrant, waiting: &Waiting) {
        let challenge = self.challenge(grant, waiting);
        self.log(grant, waiting, &challenge, |_| {});
        self.follow();
        self.open(grant, waiting, &challenge);
    }

    fn input(&self) -> Value {
        json!({ "keys": self.world.keys.to_string(), "secrets": hex(&*self.world.secrets.export()), "random": hex([RANDOM]), "steps": self.steps })
    }
}

fn received(script: &mut Script) {
    script.world.append(Event::ReportReceived, Digest::from_bytes([4; 32]));
}

fn following(file: &mut Vectors) {
    let mut passes = Script::new();
    file.passes("adopt", "the vault reads the log and adopts the policy", "vault", passes.input());
    received(&mut passes);
    passes.follow();
    file.passes("follow", "one more entry", "vault", passes.input());
    passes.follow();
    file.passes("follow-equal", "the same checkpoint again", "vault", passes.input());
    let mut marks = Script::new();
    let today = marks.world.now.as_millis() / (24 * HOUR);
    for (mark, ages) in [(1, &[33][..]), (2, &[32]), (3, &[0, 33]), (4, &[0])] {
        for age in ages {
            let mark = waxseal_log::entry::Mark::from_bytes([mark; 16]);
            let mut entry = marks.world.append(Event::ContentOpened { purpose: Purpose::UserReport, mark }, Digest::from_bytes([4; 32]));
            entry.day = waxseal_log::entry::Day(u32::try_from(today - age).unwrap());
            *marks.world.entries.last_mut().unwrap() = entry.encode();
        }
    }
    marks.follow();
    file.passes("follow-marks", "marks of 33, 32, 0 and 33, and 0 days ago, of which three are remembered", "vault", marks.input());
    let mut fails = |id: &str, comment: &str, check, make: &dyn Fn(&mut Script)| {
        let mut script = Script::new();
        received(&mut script);
        make(&mut script);
        file.fails(id, comment, "vault", script.input(), check);
    };
    let secs = |script: &Script| script.world.now.as_millis() / 1_000;
    let unread = |script: &Script| script.world.entries[script.read..].to_vec();
    fails("follow-unsigned", "only the witnesses signed", 182, &|script| {
        let text = script.world.checkpoint(2).text().to_owned();
        let other = waxseal_log::note::Signer::from_seed("other.example", &[1; 32]).unwrap();
        let mut note = Note::sign(text, &other).unwrap();
        for witness in &script.world.witnesses { note.add(witness.cosign(note.text(), secs(script))).unwrap(); }
        script.follow_with(unread(script), &note);
    });
    fails("follow-one-witness", "one of two witnesses is missing", 182, &|script| {
        let mut note = script.world.checkpoint(2);
        note.add(script.world.witnesses[0].cosign(note.text(), secs(script))).unwrap();
        script.follow_with(unread(script), &note);
    });
    fails("follow-witness-ahead", "a witness is 301 seconds ahead", 183, &|script| {
        let mut note = script.world.witnessed(2);
        note.add(script.world.witnesses[0].cosign(note.text(), secs(script) + 301)).unwrap();
        script.follow_with(unread(script), &note);
    });
    fails("follow-older", "the checkpoint has one entry less than the vault has read", 184, &|script| {
        script.follow();
        let note = script.world.witnessed(1);
        script.follow_with(Vec::new(), &note);
    });
    fails("follow-missing", "an entry is missing", 185, &|script| { let note = script.world.witnessed(2); script.follow_with(Vec::new(), &note); });
    fails("follow-twice", "an entry too many", 185, &|script| { let note = script.world.witnessed(2); script.follow_with([unread(script), unread(script)].concat(), &note); });
    fails("follow-altered", "the entry has another digest than in the log", 185, &|script| {
        let note = script.world.witnessed(2);
        let mut entries = unread(script);
        *entries[0].last_mut().unwrap() ^= 1;
        script.follow_with(entries, &note);
    });
    fails("follow-forked", "another log of equal size", 185, &|script| {
        script.follow();
        script.world.entries[1][20] ^= 1;
        let note = script.world.witnessed(2);
        script.follow_with(Vec::new(), &note);
    });
    fails("follow-unknown-entry", "an entry of kind 25", 186, &|script| { script.world.entries[1][1] = 25; script.follow(); });
    fails("adopt-own-policy", "a policy with a higher version, which the policy key did not sign", 187, &|script| {
        let mut own = terms(&script.world.officers);
        own.version = 2;
        let own = Policy::new(own).unwrap();
        let key = waxseal_log::entry::PolicyKey::from_seed(&[6; 32]);
        script.world.append(Event::PolicyPublished(key.publish(own.origin(), 2, own.digest())), Digest::from_bytes([0; 32]));
        script.follow();
        script.world.policy = own;
        script.adopt();
    });
    fails("adopt-lower-version", "a signed policy with the version of the one in force", 187, &|script| {
        let mut other = terms(&script.world.officers);
        other.text.push('!');
        script.world.publish(Policy::new(other).unwrap());
        script.follow();
        script.adopt();
    });
    fails("adopt-other", "a document that was not published", 188, &|script| {
        let mut other = terms(&script.world.officers);
        other.text.push('!');
        script.world.policy = Policy::new(other).unwrap();
        script.adopt();
    });
}

fn challenges(file: &mut Vectors) {
    let mut script = Script::new();
    let waiting = script.world.report(&["first"]);
    let grant = script.world.grant(&waiting);
    script.challenge(&grant, &waiting);
    file.passes("challenge", "for the first opening of a grant", "vault", script.input());
    let mut fails = |id: &str, comment: &str, check, make: &dyn Fn(&mut Script, &SignedGrant, &Waiting)| {
        let mut script = Script::new();
        let waiting = script.world.report(&["first"]);
        let grant = script.world.grant(&waiting);
        make(&mut script, &grant, &waiting);
        file.fails(id, comment, "vault", script.input(), check);
    };
    fails("challenge-other-vault", "the grant is for another vault", 170, &|script, grant, waiting| {
        let mut terms = grant.grant().terms().clone();
        terms.vault = World::other_vault();
        let grant = script.world.sign(terms);
        script.challenge(&grant, waiting);
    });
    fails("challenge-expired", "the grant expired", 179, &|script, grant, waiting| { script.world.pass(24 * HOUR); script.follow(); script.challenge(grant, waiting); });
    fails("challenge-old-policy", "a grant under the policy of before", 171, &|script, grant, waiting| {
        let mut next = terms(&script.world.officers);
        next.version = 2;
        script.world.publish(Policy::new(next).unwrap());
        script.follow();
        script.adopt();
        script.challenge(grant, waiting);
    });
    fails("challenge-no-document", "the document of a new policy is missing", 189, &|script, grant, waiting| {
        let mut next = terms(&script.world.officers);
        next.version = 2;
        script.world.publish(Policy::new(next).unwrap());
        script.follow();
        script.challenge(grant, waiting);
    });
    fails("challenge-stale", "the last checkpoint is older than 24 hours", 190, &|script, grant, waiting| { script.world.pass(24 * HOUR + 1_000); script.challenge(grant, waiting); });
    fails("challenge-clock-back", "the clock is more than five minutes before the last checkpoint", 190, &|script, grant, waiting| {
        script.follow();
        script.world.now = Timestamp::from_millis(script.world.now.as_millis() - 302_000);
        script.challenge(grant, waiting);
    });
    fails("challenge-other-report", "the grant does not name the report", 191, &|script, grant, _| { let other = script.world.report(&["other"]); script.challenge(grant, &other); });
    fails("challenge-too-often", "a challenge for the one opening waits", 192, &|script, grant, waiting| {
        let mut terms = grant.grant().terms().clone();
        terms.max_openings = 1;
        let grant = script.world.sign(terms);
        script.challenge(&grant, waiting);
        script.challenge(&grant, waiting);
    });
    fails("challenge-logged-before", "the log shows the one opening", 192, &|script, grant, waiting| {
        let mut terms = grant.grant().terms().clone();
        terms.max_openings = 1;
        let grant = script.world.sign(terms);
        script.opened(&grant, waiting);
        script.challenge(&grant, waiting);
    });
}

fn openings(file: &mut Vectors) {
    for (id, comment, bits) in [("open-first", "the first of two messages", 0b01), ("open-second", "the second of two messages", 0b10)] {
        let mut script = Script::new();
        let waiting = script.world.report(&["first", "second"]);
        let terms = script.world.terms(Purpose::UserReport, &[(&waiting, bits)]);
        let grant = script.world.sign(terms);
        script.opened(&grant, &waiting);
        file.passes(id, comment, "vault", script.input());
    }
    let mut fails = |id: &str, comment: &str, check, make: &dyn Fn(&mut Script, &SignedGrant, &Waiting)| {
        let mut script = Script::new();
        let waiting = script.world.report(&["first"]);
        let grant = script.world.grant(&waiting);
        make(&mut script, &grant, &waiting);
        file.fails(id, comment, "vault", script.input(), check);
    };
    fails("open-twice", "a challenge that is used", 193, &|script, grant, waiting| {
        script.opened(grant, waiting);
        let last = script.steps.last().unwrap().clone();
        script.steps.push(last);
    });
    fails("open-unknown", "a challenge that the vault did not draw", 193, &|script, grant, waiting| {
        let mut challenge = script.challenge(grant, waiting);
        challenge.challenge = [0; 32];
        script.open(grant, waiting, &challenge);
    });
    fails("open-late", "a challenge of ten minutes ago", 193, &|script, grant, waiting| {
        let challenge = script.challenge(grant, waiting);
        script.log(grant, waiting, &challenge, |_| {});
        script.follow();
        script.world.pass(600_000);
        script.open(grant, waiting, &challenge);
    });
    fails("open-other-grant", "a challenge for another grant", 193, &|script, grant, waiting| {
        let challenge = script.challenge(grant, waiting);
        let other = script.world.grant(waiting);
        script.open(&other, waiting, &challenge);
    });
    fails("open-not-logged", "no entry", 194, &|script, grant, waiting| { let challenge = script.challenge(grant, waiting); script.follow(); script.open(grant, waiting, &challenge); });
    fails("open-not-followed", "the vault has not read the entry", 194, &|script, grant, waiting| { let challenge = script.challenge(grant, waiting); script.log(grant, waiting, &challenge, |_| {}); script.open(grant, waiting, &challenge); });
    let changes: [(&str, &str, &dyn Fn(&mut OpeningDetail)); 4] = [
        ("grant", "an entry of another grant", &|detail| detail.grant = crate::ids::GrantDigest::from_bytes([1; 32])), ("report", "an entry of another report", &|detail| detail.report = crate::ids::AcceptedDigest::from_bytes([1; 32])),
        ("ordinal", "an entry of another ordinal", &|detail| detail.ordinal = 2), ("challenge", "an entry of another challenge", &|detail| detail.challenge = [1; 32]),
    ];
    for (name, comment, change) in changes {
        fails(&format!("open-entry-{name}"), comment, 194, &|script, grant, waiting| {
            let challenge = script.challenge(grant, waiting);
            script.log(grant, waiting, &challenge, change);
            script.follow();
            script.open(grant, waiting, &challenge);
        });
    }
    fails("open-entry-day", "an entry of two days ago", 194, &|script, grant, waiting| {
        let challenge = script.challenge(grant, waiting);
        let now = script.world.now;
        script.world.now = Timestamp::from_millis(now.as_millis() - 48 * HOUR);
        script.log(grant, waiting, &challenge, |_| {});
        script.world.now = now;
        script.follow();
        script.open(grant, waiting, &challenge);
    });
    fails("open-mark-twice", "the mark is there twice", 195, &|script, grant, waiting| {
        let challenge = script.challenge(grant, waiting);
        script.log(grant, waiting, &challenge, |_| {});
        script.log(grant, waiting, &challenge, |_| {});
        script.follow();
        script.open(grant, waiting, &challenge);
    });
    fails("open-other-report", "another report of the same grant", 196, &|script, _, waiting| {
        let other = script.world.report(&["other"]);
        let terms = script.world.terms(Purpose::UserReport, &[(waiting, 1), (&other, 1)]);
        let grant = script.world.sign(terms);
        let challenge = script.challenge(&grant, waiting);
        script.log(&grant, waiting, &challenge, |_| {});
        script.follow();
        script.open(&grant, &other, &challenge);
    });
    fails("open-other-number", "the entry has the number of another report", 230, &|script, grant, waiting| {
        let other = script.world.report(&["other"]);
        let challenge = script.challenge(grant, waiting);
        let detail = OpeningDetail::new(grant.grant().digest(), waiting.digest(), &challenge);
        let digest = Detail::from_parts([0x5a; 32], detail.encode()).unwrap().digest();
        let event = Event::ContentOpened { purpose: grant.grant().terms().purpose, mark: challenge.mark };
        script.world.append_with(other.number(), event, digest);
        script.follow();
        script.open(grant, waiting, &challenge);
    });
    fails("open-invented", "an accepted report under another acceptance key", 197, &|script, _, _| {
        let evidence = script.world.alice_says("invented");
        let mut draft = ReportDraft::new(device("bob"), Reason::Threat);
        draft.add(&evidence, Disclosure::Whole).unwrap();
        let moderation = copy(&script.world.moderation);
        let invented = script.world.accept_with(&draft, &moderation, &AcceptanceKey::from_bytes([1; 32]));
        let grant = script.world.grant(&invented);
        script.opened(&grant, &invented);
    });
    fails("sort-invented", "an accepted report whose MAC is changed", 197, &|script, _, waiting| {
        let mut accepted = waiting.accepted.clone();
        *accepted.last_mut().unwrap() ^= 1;
        script.step(&Request::Sort { id: waiting.id, accepted });
    });
    fails("open-message-2", "a bit for a message that is not in the report", 198, &|script, _, waiting| {
        let terms = script.world.terms(Purpose::UserReport, &[(waiting, 0b11)]);
        let grant = script.world.sign(terms);
        script.opened(&grant, waiting);
    });
    fails("open-no-message", "no bit at all", 198, &|script, _, waiting| {
        let terms = script.world.terms(Purpose::UserReport, &[(waiting, 0)]);
        let grant = script.world.sign(terms);
        script.opened(&grant, waiting);
    });
}

#[test]
fn vault_requests() {
    let mut file = Vectors::new(CRATE, "vault.json", "Requests to a vault, of which the last is the point. SPEC.md, “Vault”, “Frames”, “Checks”.", "keys drawn by ChaCha20 from the seed 15; every challenge is 32 x c4");
    following(&mut file);
    challenges(&mut file);
    openings(&mut file);
    file.finish();
}
