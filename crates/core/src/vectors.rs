//! Known answers in `tests/vectors`: made by this crate from fixed seeds, so that a change of any byte shows, and complete enough for
//! another implementation to check itself. `WAXSEAL_REGENERATE=1` writes them.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use std::path::Path;
use std::{env, fs};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::dh::DhKeyPair;
use crate::header::{self, Header, HeaderAd};
use crate::kdf::{ChainKey, HeaderKey, MessageKey, MessageSeed, RootKey};
use crate::post_quantum::{PART_LEN, Part, PqMessageKey};
use crate::pqxdh::{self, Handshake, SessionAd};
use crate::test_support::{Device, edit, established, rng};
use crate::{
    IdentityKey, IdentityKeyPair, InvalidSignature, PreKeyBundle, PreKeys, SafetyNumber, Session,
    wire,
};

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// Compares with the committed file, or writes it.
pub(crate) fn check(name: &str, vectors: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    if env::var_os("WAXSEAL_REGENERATE").is_some() {
        fs::write(
            &path,
            format!("{}\n", serde_json::to_string_pretty(vectors).unwrap()),
        )
        .unwrap();
    }
    let committed: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(
        &committed == vectors,
        "{name} differs from what the code makes"
    );
}

#[test]
fn key_derivation_vectors() {
    let ours = DhKeyPair::from_secret_bytes(&[0x11; 32]);
    let theirs = DhKeyPair::from_secret_bytes(&[0x22; 32]);
    let shared = ours.diffie_hellman(theirs.public()).unwrap();
    let root = RootKey::from_bytes(&[0x33; 32]).step(&shared);
    let (seed, next) = ChainKey::from_bytes(&[0x44; 32]).step();
    let post_quantum = PqMessageKey::from_bytes(&[0x77; 32]);
    let mut body = b"known answer".to_vec();
    assert!(
        MessageKey::derive(&seed, &post_quantum)
            .seal(b"associated data", &mut body)
            .is_ok()
    );
    let header = Header {
        dh: *ours.public().as_bytes(),
        pn: 1,
        n: 2,
        selection: 3,
        post_quantum: Part::from_bytes(&[0x05; PART_LEN]).unwrap(),
    }
    .to_bytes();
    let (key, ad, nonce) = (
        HeaderKey::from_bytes(&[0x55; 32]),
        SessionAd([0x66; 32]),
        header::nonce_of(&body).unwrap(),
    );
    let sealed = header::seal(&key, &nonce, &HeaderAd::new(&ad), &header).unwrap();
    check(
        "derivations.json",
        &json!({
            "comment": "One step of each derivation of SPEC.md. The header's nonce is taken from the body's tag.",
            "dh": { "secret": hex(&[0x11; 32]), "peer": hex(theirs.public().as_bytes()), "shared": hex(shared.as_bytes()) },
            "root_step": {
                "root": hex(&[0x33; 32]), "dh": hex(shared.as_bytes()), "next_root": hex(root.root.as_bytes()),
                "chain": hex(root.chain.as_bytes()), "next_header": hex(root.next_header.as_bytes()),
            },
            "chain_step": { "chain": hex(&[0x44; 32]), "seed": hex(seed.as_bytes()), "next_chain": hex(next.as_bytes()) },
            "body": {
                "seed": hex(seed.as_bytes()), "post_quantum_key": hex(&[0x77; 32]), "associated_data": hex(b"associated data"),
                "plaintext": hex(b"known answer"), "sealed": hex(&body),
            },
            "header": {
                "key": hex(&[0x55; 32]), "session_associated_data": hex(&ad.0), "nonce": hex(&nonce),
                "plaintext": hex(&header), "sealed": hex(&sealed),
            },
        }),
    );
    assert!(
        MessageKey::derive(&MessageSeed::from_bytes(seed.as_bytes()), &post_quantum)
            .open(b"associated data", &mut body)
            .is_ok()
    );
}

/// One handshake with its first message, and how altered copies of it fail.
fn handshake(comment: &str, alice: &Device, bob: &Device, one_time: Option<usize>) -> Value {
    let initiate = || {
        pqxdh::initiate(&alice.identity, &bob.bundle(one_time), &mut rng(20))
            .unwrap()
            .1
    };
    let agreed = initiate();
    let mut rng = rng(20);
    let mut session = Session::initiate(&alice.identity, bob.bundle(one_time), &mut rng).unwrap();
    let message = session.encrypt(b"known answer", b"ad", &mut rng).unwrap();
    let failing = [
        ("the version is not known", [&[2], &message[1..]].concat()),
        (
            "a byte follows the message",
            [message.as_slice(), &[0]].concat(),
        ),
        (
            "the message is cut short",
            message[..message.len() - 1].to_vec(),
        ),
        (
            "the base key is of small order",
            with(&message, |handshake| handshake.base_key = vec![0; 32]),
        ),
        (
            "the certificate is altered",
            with(&message, |handshake| handshake.certificate[0] ^= 1),
        ),
        (
            "the KEM ciphertext is altered",
            with(&message, |handshake| handshake.kem_ciphertext[0] ^= 1),
        ),
        (
            "the signed prekey set does not exist",
            with(&message, |handshake| handshake.signed_prekey_id = 9),
        ),
        (
            "the one-time prekey set does not exist",
            with(&message, |handshake| handshake.one_time_prekey_id = Some(9)),
        ),
        (
            "the header is altered",
            edit(&message, |message| message.header[0] ^= 1),
        ),
        (
            "the body is altered",
            edit(&message, |message| message.body[0] ^= 1),
        ),
    ];
    let failing = failing.map(|(comment, message)| {
        let error = Session::accept(&bob.identity, &bob.prekeys, &message, b"ad").unwrap_err();
        json!({ "comment": comment, "message": hex(&message), "error": format!("{error:?}") })
    });
    json!({
        "comment": comment,
        "bundle_base": hex(&bob.base),
        "bundle_one_time": one_time.map(|index| hex(&bob.one_time[index])),
        "root": hex(agreed.secret.root.as_bytes()),
        "initiator_header": hex(agreed.secret.initiator_header.as_bytes()),
        "recipient_header": hex(agreed.secret.recipient_header.as_bytes()),
        "post_quantum_seed": hex(agreed.secret.post_quantum.as_bytes()),
        "session_associated_data": hex(&agreed.ad.0),
        "handshake_digest": hex(&agreed.digest.0),
        "associated_data": hex(b"ad"),
        "plaintext": hex(b"known answer"),
        "message": hex(&message),
        "failing": failing,
    })
}

fn with(message: &[u8], change: impl FnOnce(&mut wire::Handshake)) -> Vec<u8> {
    edit(message, |message| {
        change(message.handshake.as_mut().unwrap())
    })
}

#[test]
fn handshake_vectors() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let vectors = json!({
        "comment": "Bob's exported identity and prekeys, and first messages to him. Exports: version, then fields as in the code's export modules.",
        "recipient_identity": hex(&bob.identity.export()),
        "recipient_prekeys": hex(&bob.prekeys.export()),
        "initiator_identity_public": hex(&alice.identity.public().to_bytes()),
        "cases": [
            handshake("with a one-time prekey set", &alice, &bob, Some(0)),
            handshake("without one: the last-resort KEM prekey serves", &alice, &bob, None),
        ],
    });
    check("handshake.json", &vectors);

    // What is committed opens from what is committed, not only from what the code has just made.
    let identity = IdentityKeyPair::import(&unhex(&vectors["recipient_identity"])).unwrap();
    let prekeys = PreKeys::import(&unhex(&vectors["recipient_prekeys"])).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let one_time = case["bundle_one_time"]
            .as_str()
            .map(|_| unhex(&case["bundle_one_time"]));
        assert!(PreKeyBundle::decode(&unhex(&case["bundle_base"]), one_time.as_deref()).is_ok());
        let message = unhex(&case["message"]);
        let ad = unhex(&case["associated_data"]);
        let (_, plaintext, _) = Session::accept(&identity, &prekeys, &message, &ad).unwrap();
        assert_eq!(plaintext, Zeroizing::new(unhex(&case["plaintext"])));
        let decoded: wire::Message = wire::decode(&message, message.len()).unwrap();
        let digest = Handshake::from_wire(decoded.handshake.unwrap())
            .unwrap()
            .digest();
        assert_eq!(hex(&digest.0), case["handshake_digest"].as_str().unwrap());
    }
}

#[test]
fn conversation_vectors() {
    let (.., mut to_bob, to_alice) = established();
    let state = to_alice.export();
    let mut rng = rng(40);
    let mut messages: Vec<_> = (0_u8..4)
        .map(|n| {
            (
                vec![n; usize::from(n)],
                to_bob
                    .encrypt(&vec![n; usize::from(n)], b"ad", &mut rng)
                    .unwrap(),
            )
        })
        .collect();
    messages.swap(0, 3);
    messages.swap(1, 2);
    let opened: Vec<_> = messages
        .iter()
        .map(|(plaintext, message)| json!({ "plaintext": hex(plaintext), "message": hex(message) }))
        .collect();
    let (_, last) = &messages[3];
    check(
        "conversation.json",
        &json!({
            "comment": "A session's exported state, and messages that open on it in this order, the last sent first; then copies that fail.",
            "state": hex(&state),
            "associated_data": hex(b"ad"),
            "messages": opened,
            "failing": [
                { "comment": "opened before", "message": hex(last), "error": "AlreadyReceived" },
                { "comment": "altered", "message": hex(&edit(last, |message| message.header[9] ^= 1)), "error": "Unauthenticated" },
            ],
        }),
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/conversation.json");
    let committed: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut session = Session::import(&unhex(&committed["state"])).unwrap();
    for case in committed["messages"].as_array().unwrap() {
        let plaintext = session.decrypt(&unhex(&case["message"]), b"ad").unwrap();
        assert_eq!(*plaintext, unhex(&case["plaintext"]));
    }
    for case in committed["failing"].as_array().unwrap() {
        let error = session
            .decrypt(&unhex(&case["message"]), b"ad")
            .unwrap_err();
        assert_eq!(format!("{error:?}"), case["error"].as_str().unwrap());
    }
}

#[test]
fn account_proof_vectors() {
    let identity = Device::new(1).identity;
    let context = b"an application's context";
    let proof = identity.prove_account(context);
    check(
        "account_proof.json",
        &json!({
            "comment": "A proof that verifies; then changes of one field with which it does not.",
            "identity": hex(&identity.public().to_bytes()),
            "context": hex(context),
            "proof": hex(&proof),
            "failing": [
                { "comment": "for another context", "context": hex(b"an application's contexts") },
                { "comment": "of another identity", "identity": hex(&Device::new(2).identity.public().to_bytes()) },
            ],
        }),
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/account_proof.json");
    let committed: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let verify = |case: &Value| {
        let field = |name: &str| unhex(case.get(name).unwrap_or(&committed[name]));
        let identity = IdentityKey::from_bytes(&field("identity")).unwrap();
        identity.verify_account_proof(&field("context"), &field("proof").try_into().unwrap())
    };
    assert_eq!(verify(&committed), Ok(()));
    for case in committed["failing"].as_array().unwrap() {
        assert_eq!(verify(case), Err(InvalidSignature), "{}", case["comment"]);
    }
}

#[test]
fn safety_number_vectors() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let (a, b) = (alice.identity.public(), bob.identity.public());
    let number = SafetyNumber::new((a, b"alice"), (b, b"bob")).unwrap();
    check(
        "safety_number.json",
        &json!({
            "comment": "Both parties show the same digits; the scannable form is the one that the first party shows.",
            "first": { "identity": hex(&a.to_bytes()), "account": "alice" },
            "second": { "identity": hex(&b.to_bytes()), "account": "bob" },
            "digits": number.to_string(),
            "scannable": hex(&number.scannable()),
        }),
    );
}
