//! Runs the decoders of `waxseal-desk` on any bytes, takes in any report, and runs a vault with any
//! requests of an insider who has the desk, the log's key and the officers' keys. Asserts that the
//! vault opens nothing without the entry of exactly this opening, and nothing twice.

mod outside;
mod prepared;
mod seeds;

use std::collections::BTreeMap;
use std::io;

use rand_chacha::ChaCha20Rng;
use waxseal::Timestamp;
use waxseal_desk::appeal::AppealDecision;
use waxseal_desk::case::Assignment;
use waxseal_desk::decision::Decision;
use waxseal_desk::emergency::EmergencyReview;
use waxseal_desk::grant::{GrantDenial, SignedGrant};
use waxseal_desk::hold::Hold;
use waxseal_desk::ids::AcceptedDigest;
use waxseal_desk::legal::LegalAnswer;
use waxseal_desk::officer::Signed;
use waxseal_desk::policy::Policy;
use waxseal_desk::vault::requests::{Answer, Request};
use waxseal_desk::vault::{
    Challenge, Memory, OpenRequest, OpeningDetail, Vault, VaultError, VaultSecrets, View, digest_of,
};
use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::entry::{Day, Detail, Digest, Entry, Event, Number, Purpose};
use waxseal_log::note::Note;
use waxseal_log::tree::{Frontier, TreeHash};
use waxseal_reporting::intake::AcceptedReport;

use crate::{NOW, rng};
use prepared::{ORIGIN, PREPARED};
pub(crate) use seeds::desk_seeds;

const SALT: [u8; 32] = [0x5a; 32];

/// Asserts that a decoded value encodes to the same bytes again.
macro_rules! one_encoding {
    ($bytes:ident, $decoded:expr, $value:ident => $encoded:expr) => {
        if let Ok($value) = $decoded {
            assert_eq!(&$encoded[..], $bytes, "the value has a second encoding");
        }
    };
}

/// Runs the target on an input. The first byte chooses a decoder, a desk that is brought a report,
/// or the vault with a script of three bytes for each step.
pub fn desk(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 11 {
        0 => one_encoding!(bytes, Policy::decode(bytes), policy => policy.encode()),
        1 => {
            // The second byte says which of them it is.
            one_encoding!(bytes, Signed::<GrantDenial>::decode(bytes), act => act.encode());
            one_encoding!(bytes, Signed::<Decision>::decode(bytes), act => act.encode());
            one_encoding!(bytes, Signed::<AppealDecision>::decode(bytes), act => act.encode());
            one_encoding!(bytes, Signed::<EmergencyReview>::decode(bytes), act => act.encode());
            one_encoding!(bytes, Signed::<Assignment>::decode(bytes), act => act.encode());
            one_encoding!(bytes, Signed::<LegalAnswer>::decode(bytes), act => act.encode());
            one_encoding!(bytes, Signed::<Hold>::decode(bytes), act => act.encode());
        }
        2 => one_encoding!(bytes, SignedGrant::decode(bytes), grant => grant.encode()),
        3 => one_encoding!(bytes, VaultSecrets::import(bytes), secrets => secrets.export()),
        4 => one_encoding!(bytes, Request::decode(bytes), request => request.encode()),
        5 => one_encoding!(bytes, Answer::decode(bytes), answer => answer.encode()),
        6 => one_encoding!(bytes, View::decode(bytes), view => view.encode()),
        8 => outside::content(bytes),
        9 => outside::callback(bytes),
        10 => outside::report(bytes),
        _ => {
            let mut insider = Insider::new();
            for step in bytes.as_chunks::<3>().0.iter().take(64) {
                insider.step(*step);
            }
        }
    }
}

/// Keeps every state, so that the insider can put an old one back.
#[derive(Default)]
struct Saved {
    states: Vec<Vec<u8>>,
    fails: bool,
}

impl Memory for Saved {
    fn save(&mut self, state: &[u8]) -> io::Result<()> {
        if self.fails {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.states.push(state.to_vec());
        Ok(())
    }
}

/// A challenge that the vault drew.
struct Drawn {
    grant: usize,
    report: usize,
    challenge: Challenge,
    used: bool,
}

/// An insider with a log, whose entries are public once a checkpoint was signed over them.
struct Insider {
    now: Timestamp,
    rng: ChaCha20Rng,
    entries: Vec<Vec<u8>>,
    public: usize,
    vault: Vault,
    memory: Saved,
    drawn: Vec<Drawn>,
    /// Openings that were given, by grant.
    opened: BTreeMap<usize, u16>,
}

impl Insider {
    fn new() -> Self {
        let mut insider = Self {
            now: NOW,
            rng: rng(2),
            entries: vec![PREPARED.published.clone()],
            public: 0,
            vault: start(None),
            memory: Saved::default(),
            drawn: Vec::new(),
            opened: BTreeMap::new(),
        };
        insider.follow(1).unwrap();
        insider.vault.adopt(PREPARED.policy.encode()).unwrap();
        insider
    }

    fn step(&mut self, [kind, one, other]: [u8; 3]) {
        let before = self.vault.status();
        match kind % 12 {
            0 | 1 => self.challenge(one.into(), usize::from(other) % 2),
            2 | 3 => self.log(one.into(), other),
            4 | 5 => drop(self.follow(self.entries.len())),
            6 => {
                // A checkpoint that is older, or one of which the state cannot be saved.
                self.memory.fails = other & 1 == 1;
                let followed = self.follow(usize::from(one) % (self.entries.len() + 1));
                self.memory.fails = false;
                if followed.is_err() {
                    assert_eq!(
                        self.vault.status(),
                        before,
                        "a failed follow changed the vault"
                    );
                }
            }
            7 | 8 => self.open(one.into(), other),
            9 => self.now = Timestamp::from_millis(self.now.as_millis() + u64::from(one) * 5_000),
            10 => {
                let state = usize::from(one).checked_sub(1);
                let state = state.and_then(|place| self.memory.states.get(place));
                self.vault = start(state.map(Vec::as_slice));
            }
            _ => {
                // What is not public yet can still be changed.
                if self.entries.len() > self.public.max(1) && other & 1 == 1 {
                    self.entries.pop();
                }
                let _ = self.vault.adopt(PREPARED.policy.encode());
            }
        }
    }

    fn follow(&mut self, size: usize) -> Result<(), VaultError> {
        let mut frontier = Frontier::new();
        for entry in &self.entries[..size] {
            frontier.push(TreeHash::of_leaf(entry));
        }
        let checkpoint = Checkpoint::new(ORIGIN, frontier.size(), frontier.root()).unwrap();
        let mut note: Note = checkpoint.sign(&PREPARED.log).unwrap();
        let secs = self.now.as_millis() / 1_000;
        note.add(PREPARED.witness.cosign(note.text(), secs))
            .unwrap();
        self.public = self.public.max(size);
        let read = usize::try_from(self.vault.status().size).unwrap();
        let entries = self.entries.get(read.min(size)..size).unwrap_or_default();
        let followed = self
            .vault
            .follow(entries, &note.encode(), self.now, &mut self.memory);
        followed.map(|_| ())
    }

    fn challenge(&mut self, grant: usize, report: usize) {
        let grant = grant % PREPARED.grants.len();
        let digest = AcceptedDigest::of(&PREPARED.reports[report].1);
        let signed = &PREPARED.grants[grant];
        let Ok(challenge) = self
            .vault
            .challenge(signed, &digest, self.now, &mut self.rng)
        else {
            return;
        };
        assert!(grant < 2, "a grant beyond the policy was accepted");
        assert!(
            grant == 0 || report == 0,
            "a report without a grant was accepted"
        );
        self.drawn.push(Drawn {
            grant,
            report,
            challenge,
            used: false,
        });
    }

    /// Appends an entry for a challenge, changed in some way unless `change` is even.
    fn log(&mut self, one: usize, change: u8) {
        let Some(drawn) = one
            .checked_rem(self.drawn.len())
            .map(|one| &self.drawn[one])
        else {
            return;
        };
        let (mut entry, mut detail) = (entry(drawn, self.now), detail(drawn));
        match change % 16 {
            1 => detail.ordinal += 1,
            3 => detail.challenge[0] ^= 1,
            5 => detail.report = AcceptedDigest::from_bytes([1; 32]),
            7 => entry.day = Day(entry.day.0 - 2),
            9 => self.entries.push(entry_bytes(&entry, &detail)),
            _ => {}
        }
        self.entries.push(entry_bytes(&entry, &detail));
    }

    fn open(&mut self, one: usize, change: u8) {
        let Some(one) = one.checked_rem(self.drawn.len()) else {
            return;
        };
        let drawn = &self.drawn[one];
        let (mut grant, mut report) = (drawn.grant, drawn.report);
        match change % 8 {
            1 => grant = (grant + 1) % PREPARED.grants.len(),
            3 => report = (report + 1) % 2,
            _ => {}
        }
        let (id, accepted) = PREPARED.reports[report].clone();
        let request = OpenRequest {
            grant: PREPARED.grants[grant].clone(),
            challenge: drawn.challenge.challenge,
            salt: SALT,
            id,
            accepted,
        };
        let before = self.vault.status();
        let Ok(view) = self.vault.open(&request, self.now) else {
            assert_eq!(self.vault.status(), before);
            return;
        };
        assert_eq!((grant, report), (drawn.grant, drawn.report));
        assert_eq!(view.messages.len(), 1);
        assert!(!drawn.used, "one challenge opened twice");
        let read = usize::try_from(before.size).unwrap();
        let expected = detail(drawn);
        let logged = self.entries.iter().enumerate().take(read).filter(|(_, bytes)| {
            let entry = Entry::decode(bytes).unwrap();
            matches!(entry.event, Event::ContentOpened { mark, .. } if mark == drawn.challenge.mark)
        });
        let logged: Vec<_> = logged.collect();
        let [(_, bytes)] = &logged[..] else {
            panic!("{} entries with the mark of an opening", logged.len())
        };
        let about = Detail::from_parts(SALT, expected.encode()).unwrap();
        let entry = Entry::decode(bytes).unwrap();
        assert!(entry.is_about(&about), "another entry");
        assert_eq!(entry.number, number(report));
        assert!(self.public >= read, "an entry that is not public");
        self.drawn[one].used = true;
        let opened = self.opened.entry(grant).or_default();
        *opened += 1;
        assert!(*opened <= 2, "more openings than granted");
    }
}

fn start(state: Option<&[u8]>) -> Vault {
    let secrets = VaultSecrets::import(&PREPARED.secrets).unwrap();
    Vault::new(PREPARED.keys.clone(), &secrets, state).unwrap()
}

fn entry(drawn: &Drawn, now: Timestamp) -> Entry {
    Entry {
        day: Day::of_ms(now.as_millis()),
        number: number(drawn.report),
        event: Event::ContentOpened {
            purpose: Purpose::UserReport,
            mark: drawn.challenge.mark,
        },
        digest: Digest::from_bytes([0; 32]),
    }
}

/// The number of a report in the log.
fn number(report: usize) -> Number {
    let report = AcceptedReport::report_of(&PREPARED.reports[report].1).unwrap();
    digest_of(&report).number()
}

fn detail(drawn: &Drawn) -> OpeningDetail {
    let grant = PREPARED.grants[drawn.grant].grant().digest();
    let report = AcceptedDigest::of(&PREPARED.reports[drawn.report].1);
    OpeningDetail::new(grant, report, &drawn.challenge)
}

fn entry_bytes(entry: &Entry, detail: &OpeningDetail) -> Vec<u8> {
    let detail = Detail::from_parts(SALT, detail.encode()).unwrap();
    Entry {
        digest: detail.digest(),
        ..*entry
    }
    .encode()
}
