//! A valid report, altered: it never verifies.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{CryptoRng, SeedableRng};
use waxseal_reporting::{
    AccountId, Audience, Channel, Delivery, DeliveryKey, DeviceId, Disclosure, ModerationKeyPair,
    Payload, PayloadHeader, Reason, Report, ReportDraft, Sender, StampKeys, Timestamp, accept,
    open, review, seal,
};

#[derive(Arbitrary, Debug)]
enum Mutation {
    Flip { place: u32, flip: u8 },
    Cut { len: u32 },
    Insert { place: u32, byte: u8 },
    Remove { place: u32 },
    Copy { from: u32, to: u32, len: u8 },
}

struct Genuine {
    stamp_keys: StampKeys,
    delivery_key: DeliveryKey,
    moderation: ModerationKeyPair,
    report: Vec<u8>,
}

const NOW: Timestamp = Timestamp(1_795_000_000_000);

static GENUINE: LazyLock<Genuine> = LazyLock::new(|| {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let device = |name| Sender::new(AccountId::new(name).expect("a name"), DeviceId(1));
    let (alice, bob) = (device("alice"), device("bob"));
    let mut stamp_keys = StampKeys::generate("fuzz", NOW, rng).expect("a short name");
    stamp_keys.advance_to(NOW).expect("now");
    let delivery_key = DeliveryKey::generate(rng);
    let moderation = ModerationKeyPair::generate(rng);
    let audience = Audience::Direct(bob.account.clone());
    let mut draft = ReportDraft::new(bob.clone(), Reason::Spam);
    for sequence in 0..3 {
        let header = PayloadHeader::new(audience.conversation(&alice.account), sequence, NOW);
        let payload = Payload::text(header, format!("message {sequence}")).expect("short");
        let sealed = seal(&mut Plain, &alice, &payload, rng).expect("seals");
        let at = Timestamp(NOW.0 + sequence);
        let claim = stamp_keys
            .stamp(sealed.envelope.tag(), &alice, &audience, at)
            .expect("stamps");
        let delivery =
            Delivery::new(&claim, sealed.envelope, &delivery_key).expect("its own claim");
        let delivery = delivery
            .authenticate(&delivery_key, &bob.account)
            .expect("authentic");
        let opened = open(&mut Plain, &delivery).expect("opens");
        let disclosure = if sequence == 1 {
            Disclosure::Parts(vec![])
        } else {
            Disclosure::Whole
        };
        draft.add(opened.evidence(), disclosure).expect("fits");
    }
    let report = draft
        .seal(&delivery_key, moderation.public_key(), rng)
        .expect("seals")
        .encode();
    assert!(verifies(&stamp_keys, &delivery_key, &moderation, &report));
    Genuine {
        stamp_keys,
        delivery_key,
        moderation,
        report,
    }
});

fn verifies(
    stamp_keys: &StampKeys,
    key: &DeliveryKey,
    moderation: &ModerationKeyPair,
    report: &[u8],
) -> bool {
    let Ok(report) = Report::decode(report) else {
        return false;
    };
    let Ok(accepted) = accept(
        report,
        stamp_keys,
        key,
        Timestamp(NOW.0 + 10),
        &mut |_: &_| false,
    ) else {
        return false;
    };
    review(accepted, moderation).is_ok()
}

fuzz_target!(|mutations: Vec<Mutation>| {
    let Genuine {
        stamp_keys,
        delivery_key,
        moderation,
        report,
    } = &*GENUINE;
    let mut altered = report.clone();
    for mutation in mutations.iter().take(8) {
        if altered.is_empty() {
            break;
        }
        let place = |place: u32| place as usize % altered.len();
        match *mutation {
            Mutation::Flip { place: at, flip } => {
                let at = place(at);
                altered[at] ^= flip;
            }
            Mutation::Cut { len } => altered.truncate(place(len)),
            Mutation::Insert { place: at, byte } => altered.insert(place(at), byte),
            Mutation::Remove { place: at } => drop(altered.remove(place(at))),
            Mutation::Copy { from, to, len } => {
                let (from, to) = (place(from), place(to));
                let len = usize::from(len)
                    .min(altered.len() - from)
                    .min(altered.len() - to);
                altered.copy_within(from..from + len, to);
            }
        }
    }
    if altered != *report {
        assert!(
            !verifies(stamp_keys, delivery_key, moderation, &altered),
            "an altered report verified"
        );
    }
});

/// A channel that hides nothing: reports must hold over any.
struct Plain;

impl Channel for Plain {
    type Error = std::convert::Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Self::Error> {
        Ok(plaintext.to_vec())
    }

    fn decrypt(
        &mut self,
        ciphertext: &[u8],
        _: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, Self::Error> {
        Ok(zeroize::Zeroizing::new(ciphertext.to_vec()))
    }
}
