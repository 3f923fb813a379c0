//! Measures with Welch's t-test whether running times differ between two classes of inputs. In the
//! fixed class, the secret or the position of the altered bit is always the same. In the random
//! class, it is random. (Reparaz, Balasch, Verbauwhede 2017, “Dude, is my code constant time?”)
//!
//! Run `.ci/timing [measurements]` on a machine that does nothing else. A |t| below 4.5 shows no
//! difference; a |t| of 10 or more shows one. More measurements find smaller differences. The first
//! two lines of the output are controls: the first must show a difference, and the second must show
//! none.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, ReplayMemory, SessionSet};
use waxseal_leaks::clear::Clear;
use waxseal_reporting::relay::{Claim, DeliveryKey, PostedFanout, Receipt, Stamp, StampKeys};
use waxseal_reporting::sender::{Fanout, RosterStamp};
use waxseal_reporting::{AccountId, Audience, DeviceAddress, DeviceId, FrankingTag, Timestamp};

/// A |t| of Welch's t-test of this or more shows a difference in running times.
const LEAK: f64 = 10.0;
/// A |t| of Welch's t-test below this shows no difference in running times.
const QUIET: f64 = 4.5;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// An operation that is measured.
///
/// Each call of `time` prepares an input and times the operation on it. If the first argument is
/// `true`, the input belongs to the fixed class, otherwise to the random class.
struct Subject {
    name: &'static str,
    /// The requested number of measurements is divided by this, so that a slow operation runs less
    /// often.
    share: usize,
    time: Box<Time>,
}

type Time = dyn FnMut(bool, &mut ChaCha20Rng) -> f64;

fn timed<R>(operation: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    black_box(operation());
    start.elapsed().as_nanos() as f64
}

/// Returns the index of the byte to alter: 0 in the fixed class, random in the other.
fn fault(fixed: bool, len: usize, rng: &mut ChaCha20Rng) -> usize {
    let anywhere = rng.next_u64() as usize % len;
    if fixed { 0 } else { anywhere }
}

/// Returns a secret: always the same one in the fixed class, a random one in the other.
fn secret(fixed: bool, rng: &mut ChaCha20Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    if fixed { [0x42; 32] } else { bytes }
}

fn control(constant: bool) -> Subject {
    Subject {
        name: if constant {
            "control: the same work for both"
        } else {
            "control: comparison with early exit"
        },
        share: 1,
        time: Box::new(move |fixed, rng| {
            let (ours, mut theirs) = ([7_u8; 4096], [7_u8; 4096]);
            theirs[fault(fixed || constant, 4096, rng)] ^= 1;
            timed(|| {
                let pairs = black_box(&ours).iter().zip(black_box(&theirs));
                pairs.take_while(|(a, b)| a == b).count()
            })
        }),
    }
}

fn claim() -> (StampKeys, Claim) {
    let keys = StampKeys::new(&[0x66; 32], 20_770, "test").expect("a short region");
    let name = |name| AccountId::new(name).expect("valid");
    let (alice, to) = (
        DeviceAddress::new(name("alice"), DeviceId(1)),
        Audience::Direct(name("bob")),
    );
    let none = RosterStamp::default();
    let mut fanout = Fanout::new(FrankingTag::from_bytes([9; 32]), none, none);
    fanout.insert(false, DeviceId(1), None).expect("one slot");
    let key = DeliveryKey::from_bytes([0x77; 32]);
    let posted = PostedFanout::decode(&fanout.post(&key, &alice, &to, NOW)).expect("valid");
    let posted = posted.authenticate(&key, &alice, &to, NOW);
    let claim = keys.stamp(&posted.expect("posted by Alice"), NOW);
    (keys, claim.expect("an epoch within reach"))
}

fn stamp_check() -> Subject {
    let (mut keys, claim) = claim();
    keys.advance_to(NOW).expect("an epoch within reach");
    Subject {
        name: "stamp: place of the fault",
        share: 1,
        time: Box::new(move |fixed, rng| {
            let mut stamp = *claim.stamp().as_bytes();
            stamp[fault(fixed, 32, rng)] ^= 1;
            let stamp = Stamp::from_bytes(stamp);
            let altered = Claim::new(*claim.tag(), claim.context().clone(), stamp);
            timed(|| keys.verify(&altered, NOW))
        }),
    }
}

fn receipt_check() -> Subject {
    let (_, claim) = claim();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let sent = sent(&mut rng);
    let key = DeliveryKey::from_bytes([0x77; 32]);
    let genuine = Receipt::new(&claim, &key).encode();
    Subject {
        name: "receipt MAC: place of the fault",
        share: 1,
        time: Box::new(move |fixed, rng| {
            let mut bytes = genuine.clone();
            let start = bytes.len() - 32;
            bytes[start + fault(fixed, 32, rng)] ^= 1;
            let receipt = Receipt::decode(&bytes).expect("valid");
            timed(|| receipt.authenticate(&key, &sent).is_ok())
        }),
    }
}

fn sent(rng: &mut ChaCha20Rng) -> waxseal_reporting::sender::SentMessage {
    use waxseal_reporting::message::{Payload, PayloadHeader};
    use waxseal_reporting::sender::seal;
    let name = |name| AccountId::new(name).expect("valid");
    let alice = DeviceAddress::new(name("alice"), DeviceId(1));
    let conversation = Audience::Direct(name("bob")).conversation(&alice.account);
    let header = PayloadHeader::new(0, NOW);
    let payload = Payload::text(header, "a text").expect("a short text");
    let sealed = seal(&mut Clear, &alice, &conversation, &payload, rng);
    sealed.expect("seals").sent
}

fn delivery_key() -> Subject {
    let (_, claim) = claim();
    Subject {
        name: "delivery key: fixed or random",
        share: 1,
        time: Box::new(move |fixed, rng| {
            let key = DeliveryKey::from_bytes(secret(fixed, rng));
            timed(|| Receipt::new(&claim, &key))
        }),
    }
}

fn identity_key() -> Subject {
    Subject {
        name: "identity import: fixed or random",
        share: 20,
        time: Box::new(|fixed, rng| {
            let mut export = [1; 65];
            export[1..33].copy_from_slice(&secret(fixed, rng));
            export[33..].copy_from_slice(&secret(fixed, rng));
            timed(|| IdentityKeyPair::import(&export))
        }),
    }
}

fn header_trial() -> Subject {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let alice = IdentityKeyPair::generate(&mut rng);
    let bob = IdentityKeyPair::generate(&mut rng);
    let (alices, mut bobs) = (
        PreKeys::generate(&alice, &mut rng),
        PreKeys::generate(&bob, &mut rng),
    );
    let base = bobs.upload(&bob).expect("its own identity").base;
    let bundle = PreKeyBundle::decode(&base, None).expect("valid");
    let mut to_bob = SessionSet::initiate(&alice, bundle, &mut rng).expect("initiates");
    let first = to_bob.encrypt(b"a", b"", &mut rng).expect("encrypts");
    let (mut of_alice, mut of_bob) = (ReplayMemory::new(), ReplayMemory::new());
    let accepted = SessionSet::accept(&bob, &mut bobs, &mut of_alice, &first, b"");
    let (mut to_alice, _) = accepted.expect("accepts");
    let reply = to_alice.encrypt(b"a", b"", &mut rng).expect("encrypts");
    let mut alices = alices;
    let opened = to_bob.decrypt(&alice, &mut alices, &mut of_bob, &reply, b"");
    assert!(opened.is_ok());
    let genuine = to_bob.encrypt(b"a", b"", &mut rng).expect("encrypts");
    // The message starts with a version, a field number and a length (3 bytes). Then come the
    // header (83 bytes) and the header's tag (16 bytes).
    let tag = 3 + 83;
    Subject {
        name: "header tag: place of the fault",
        share: 2,
        time: Box::new(move |fixed, rng| {
            let mut message = genuine.clone();
            message[tag + fault(fixed, 16, rng)] ^= 1;
            timed(|| {
                let opened = to_alice.decrypt(&bob, &mut bobs, &mut of_alice, &message, b"");
                opened.is_err()
            })
        }),
    }
}

/// The running times of one class: their number, mean and sum of squared deviations.
#[derive(Default)]
struct Sample {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Sample {
    fn add(&mut self, x: f64) {
        self.n += 1.0;
        let delta = x - self.mean;
        self.mean += delta / self.n;
        self.squares += delta * (x - self.mean);
    }

    fn error(&self) -> f64 {
        self.squares / (self.n - 1.0) / self.n
    }
}

/// Returns the Welch t of largest magnitude, with its sign. It is computed once over all times, and
/// once over the times below each of five percentiles. The percentiles drop interruptions, which
/// hide small differences.
fn welch(times: &[(bool, f64)]) -> f64 {
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    let below = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
    let mut largest: f64 = 0.0;
    for percent in [50, 75, 90, 95, 99, 100] {
        let (mut fixed, mut random) = (Sample::default(), Sample::default());
        for (class, time) in times {
            if *time <= below(percent) {
                if *class {
                    fixed.add(*time);
                } else {
                    random.add(*time);
                }
            }
        }
        let error = (fixed.error() + random.error()).sqrt();
        if error > 0.0 && fixed.n > 100.0 && random.n > 100.0 {
            let t = (fixed.mean - random.mean) / error;
            if t.abs() > largest.abs() {
                largest = t;
            }
        }
    }
    largest
}

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let measurements = argument.map_or(400_000, |n| n.parse().expect("a number"));
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let subjects = [
        control(false),
        control(true),
        stamp_check(),
        receipt_check(),
        delivery_key(),
        header_trial(),
        identity_key(),
    ];
    let mut failed = false;
    for (index, mut subject) in subjects.into_iter().enumerate() {
        let n = measurements / subject.share;
        let mut times = Vec::with_capacity(n);
        for round in 0..n + n / 10 {
            let fixed = rng.next_u32() & 1 == 0;
            let time = (subject.time)(fixed, &mut rng);
            // The first tenth of the rounds warms the machine up and is not counted.
            if round >= n / 10 {
                times.push((fixed, time));
            }
        }
        let t = welch(&times);
        let (leaks, must_leak) = (t.abs() >= LEAK, index == 0);
        let verdict = match (leaks, must_leak) {
            (true, true) => "found, as it must be",
            (false, true) => "FAILED: not found",
            (true, false) => "FAILED",
            (false, false) if t.abs() >= QUIET => "unclear: repeat with more measurements",
            (false, false) => "no difference",
        };
        failed |= verdict.starts_with("FAILED");
        println!("{:<38} {n:>8} times  t = {t:>9.2}  {verdict}", subject.name);
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
