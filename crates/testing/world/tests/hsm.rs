//! Keys behind the unsealing trait, in a module that knows the specification and none of the code
//! of the vault. The reviewers see the same as with the vault of the crate.

#![allow(clippy::restriction, reason = "tests")]

use hmac::{Hmac, KeyInit, Mac};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR};
use sha2::Sha256;
use waxseal::reporting::DecodeError;
use waxseal::reporting::intake::{AcceptanceKey, ReportId};
use waxseal::reporting::limits::MAX_ACCEPTED_LEN;
use waxseal::reporting::reporter::ModerationPublicKey;
use waxseal::reporting::reviewer::{VerifiedReport, review};
use waxseal::reporting::vault::{ModerationKeyPair, Unseal, UnsealedReport, Vault};
use waxseal::{Disclosure, Reason};
use waxseal_world::{Provider, account};

/// A hardware security module: 32 bytes for each key, and what the application knows of it.
struct Module {
    moderation_key: [u8; 32],
    acceptance_key: [u8; 32],
    public: ModerationPublicKey,
    is_plugged_in: bool,
}

/// Why the module gave out nothing.
#[derive(Debug, PartialEq, Eq)]
enum ModuleError {
    /// It does not answer. Try again later.
    Unplugged,
    /// The intake did not accept this report under this id. Look for who wrote it.
    NotAccepted,
    /// The report is sealed to another key. Keep it.
    OtherKey,
    /// The seal is broken. Reject the report.
    SealBroken,
    /// The module's answer is no unsealed report.
    Answer(DecodeError),
}

impl std::fmt::Display for ModuleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for ModuleError {}

impl Unseal for Module {
    type Error = ModuleError;

    fn public_key(&self) -> &ModerationPublicKey {
        &self.public
    }

    fn open(&self, id: &ReportId, accepted: &[u8]) -> Result<UnsealedReport, ModuleError> {
        if !self.is_plugged_in {
            return Err(ModuleError::Unplugged);
        }
        let unsealed = self.run(id.as_bytes(), accepted)?;
        UnsealedReport::decode(&unsealed).map_err(ModuleError::Answer)
    }
}

impl Module {
    /// What happens inside the module: bytes in, bytes out.
    fn run(&self, id: &[u8; 16], accepted: &[u8]) -> Result<Vec<u8>, ModuleError> {
        // accepted report = 02 || id 16 || accepted be64 || repeated be32 || long(report) || MAC 32
        // acceptance MAC = HMAC(K_acceptance, "waxseal/2/acceptance-mac" || everything before it)
        if accepted.len() > MAX_ACCEPTED_LEN {
            return Err(ModuleError::NotAccepted);
        }
        let (fields, mac) = accepted
            .split_last_chunk::<32>()
            .ok_or(ModuleError::NotAccepted)?;
        let mut expected = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.acceptance_key).unwrap();
        expected.update(b"waxseal/2/acceptance-mac");
        expected.update(fields);
        expected
            .verify_slice(mac)
            .map_err(|_| ModuleError::NotAccepted)?;
        // From here on the bytes are the intake's own.
        if fields[0] != 2 || &fields[1..17] != id {
            return Err(ModuleError::NotAccepted);
        }
        let (accepted_and_repeated, report) = (&fields[17..29], &fields[33..]);
        // report = 02 || fields 1 to 5: claims, fingerprint, encapsulated key, openings, MAC
        let [claims, fingerprint, encapsulated, sealed] = sections(&report[1..]);
        if fingerprint != self.public.id().as_bytes() {
            return Err(ModuleError::OtherKey);
        }
        // sealed = HPKE SealBase(moderation key, info, aad claims, openings)
        let secret = <XWing as Kem>::PrivateKey::from_bytes(&self.moderation_key).unwrap();
        let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(encapsulated);
        let openings = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &secret,
            &encapsulated.map_err(|_| ModuleError::SealBroken)?,
            b"waxseal/2/report-openings",
            sealed,
            claims,
        );
        let openings = openings.map_err(|_| ModuleError::SealBroken)?;
        // unsealed report = 02 || version of the report u8 || id 16 || accepted be64
        //                   || repeated be32 || long(claims) || openings
        let len = u32::try_from(claims.len()).unwrap().to_be_bytes();
        Ok([
            &[2, 2],
            &id[..],
            accepted_and_repeated,
            &len,
            claims,
            &openings,
        ]
        .concat())
    }
}

/// The first four fields of a report: each is a number, a length as a varint, and its bytes.
fn sections(mut report: &[u8]) -> [&[u8]; 4] {
    std::array::from_fn(|_| {
        let (mut len, mut at) = (0, 1);
        loop {
            len |= usize::from(report[at] & 0x7f) << (7 * (at - 1));
            at += 1;
            if report[at - 1] < 0x80 {
                break;
            }
        }
        let (section, rest) = report[at..].split_at(len);
        report = rest;
        section
    })
}

/// The reviewers' side, which takes whatever holds the keys.
fn reviewed<U: Unseal>(
    keys: &U,
    id: &ReportId,
    accepted: &[u8],
) -> Result<VerifiedReport, U::Error> {
    let unsealed = keys.open(id, accepted)?;
    Ok(review(unsealed).expect("an honest reporter"))
}

#[test]
fn a_module_that_follows_the_specification_opens_what_the_vault_opens_and_nothing_else() {
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    let acceptance_key = AcceptanceKey::generate(&mut provider.rng);
    let moderation = ModerationKeyPair::import(&provider.moderation.export()).unwrap();
    let mut module = Module {
        moderation_key: moderation.export()[1..].try_into().unwrap(),
        acceptance_key: *acceptance_key.to_bytes(),
        public: ModerationPublicKey::decode(&moderation.public_key().encode()).unwrap(),
        is_plugged_in: true,
    };
    let vault = Vault::new(moderation, acceptance_key.clone());

    // Apps seal to the key of the module.
    let mut accepted = |text: &str, to: &ModerationPublicKey| {
        let message = provider.exchange(&mut alice, &mut bob, text);
        let shown = [(message, Disclosure::Whole)];
        let draft = bob.draft_report(&account("alice"), Reason::Threat, shown);
        let report = bob.report(&draft.unwrap(), to, &mut provider.rng).unwrap();
        let accepted = provider.examine(&report.report).unwrap();
        (*accepted.id(), accepted.encode(&acceptance_key))
    };
    let (id, queued) = accepted("I know where you live.", module.public_key());
    let verified = reviewed(&module, &id, &queued).unwrap();
    let content = verified.messages()[0].content().unwrap();
    assert_eq!(content.as_text(), Some("I know where you live."));
    assert_eq!(*verified.id(), id);
    let by_vault = reviewed(&vault, &id, &queued).unwrap();
    assert_eq!(by_vault.messages()[0].tag(), verified.messages()[0].tag());
    let [one, other] = [
        module.open(&id, &queued).unwrap(),
        vault.open(&id, &queued).unwrap(),
    ];
    assert_eq!(
        *one.encode(),
        *other.encode(),
        "the same bytes for reviewers"
    );

    let refused = |module: &Module, id: &ReportId, queued: &[u8], why: ModuleError| {
        assert_eq!(module.open(id, queued).unwrap_err(), why);
        // So does the vault, where it has the same keys.
        assert!(why == ModuleError::Unplugged || vault.open(id, queued).is_err());
    };
    for at in (0..queued.len()).step_by(7) {
        let mut altered = queued.clone();
        altered[at] ^= 1;
        refused(&module, &id, &altered, ModuleError::NotAccepted);
    }
    for len in [0, 31, 32, queued.len() - 1] {
        refused(&module, &id, &queued[..len], ModuleError::NotAccepted);
    }
    let more = [&queued[..], &[0]].concat();
    refused(&module, &id, &more, ModuleError::NotAccepted);
    let another = ReportId::from_bytes([9; 16]);
    refused(&module, &another, &queued, ModuleError::NotAccepted);
    let others = ModerationKeyPair::generate(&mut rand::rng());
    let (id, for_others) = accepted("to others", others.public_key());
    refused(&module, &id, &for_others, ModuleError::OtherKey);
    module.is_plugged_in = false;
    refused(&module, &id, &queued, ModuleError::Unplugged);
}
