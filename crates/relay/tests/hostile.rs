//! Hostile requests: each gets the right error code, while an honest pair goes on talking.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use waxseal_interface::{ErrorCode, Event, Register, SignIn, register_context, seal_delivery_key};
use waxseal_relay::{ClientError, Registrant};
use waxseal_reporting::limits::MAX_POSTED_FANOUT_LEN;
use waxseal_reporting::vault::ModerationKeyPair;
use world::honest::while_others_talk;
use world::{Device, SOON, World, code, database, request};

/// Usually long enough for the relay to begin with a request.
const PAUSE: Duration = Duration::from_millis(100);

const JSON: &str = "application/json";
const OCTETS: &str = "application/octet-stream";

/// A request and its expected answer, in this order: method, path, token, content type, body;
/// status, error code.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [u8], u16, &'a str);

#[test]
fn malformed_and_oversized_requests_get_their_codes() {
    let world = World::new();
    let (mut mallory, bob) = (world.device("mallory"), world.device("bob"));
    let nobody = Device::new("nobody", world.client());
    let (_, envelope) = mallory.seal(&bob.me, "hello");
    let (_, to_nobody) = mallory.seal(&nobody.me, "hello");
    bob.client
        .put_prekeys(bob.session(), &bob.base(b""), &[])
        .unwrap();
    let token = mallory.token();
    let large = vec![b' '; 4 << 20];
    let old = [&[1, 0x0a, 0x20], [7; 32].as_slice(), &[0x12, 1, 9]].concat();
    let deep = "[".repeat(4_000);
    while_others_talk(&world, || {
        #[rustfmt::skip]
        let cases: &[Case<'_>] = &[
            // These bodies are not what the route expects.
            ("POST", "/v1/messages/bob", token, OCTETS, b"", 400, "malformed"),
            ("POST", "/v1/messages/bob", token, OCTETS, b"\x02\x0a", 400, "malformed"),
            ("POST", "/v1/messages/bob", token, OCTETS, &old, 400, "malformed"),
            ("POST", "/v1/messages/bob", token, OCTETS, &[0xff; 300], 400, "malformed"),
            ("POST", "/v1/messages/bob", token, OCTETS, &envelope[..36], 400, "malformed"),
            ("POST", "/v1/reseals/bob", token, OCTETS, b"", 400, "malformed"),
            ("POST", "/v1/reseals/bob", token, OCTETS, &envelope, 400, "malformed"),
            ("POST", "/v1/reports", token, OCTETS, b"", 400, "malformed"),
            ("POST", "/v1/reports", token, OCTETS, &[1; 5_000], 400, "malformed"),
            ("POST", "/v1/accounts", "", JSON, b"{", 400, "malformed"),
            ("POST", "/v1/accounts", "", JSON, b"{\"name\":\"x\"}", 400, "malformed"),
            ("POST", "/v1/accounts", "", JSON, deep.as_bytes(), 400, "malformed"),
            ("POST", "/v1/sessions", "", JSON, b"\xff\xfe", 400, "malformed"),
            ("PUT", "/v1/prekeys", token, JSON, b"{\"base\":\"!\",\"one_time\":[]}", 400, "malformed"),
            ("PUT", "/v1/prekeys", token, JSON, b"{\"base\":\"\",\"one_time\":[]}", 422, "too_many_pre_keys"),
            ("POST", "/v1/messages/bob", token, JSON, b"{}", 415, "unsupported_media_type"),
            ("POST", "/v1/leave", "", JSON, b"{}", 400, "malformed"),
            ("POST", "/v1/sessions", "", OCTETS, b"{}", 415, "unsupported_media_type"),
            ("POST", "/v1/sessions", "", "", b"{}", 415, "unsupported_media_type"),
            // These bodies are larger than the route accepts.
            ("POST", "/v1/messages/bob", token, OCTETS, &large[..=MAX_POSTED_FANOUT_LEN], 413, "too_large"),
            ("POST", "/v1/reseals/bob", token, OCTETS, &large, 413, "too_large"),
            ("POST", "/v1/reports", token, OCTETS, &large, 413, "too_large"),
            ("PUT", "/v1/prekeys", token, JSON, &large, 413, "too_large"),
            ("POST", "/v1/accounts", "", JSON, &large, 413, "too_large"),
            ("POST", "/v1/sessions", "", JSON, &large, 413, "too_large"),
            ("POST", "/v1/reviewer/sessions", "", JSON, &large, 413, "too_large"),
            // These paths, methods or accounts do not exist, or the request lacks what the route
            // needs.
            ("GET", "/", "", "", b"", 404, "not_found"),
            ("GET", "/v1/accounts/bob", token, "", b"", 404, "not_found"),
            ("DELETE", "/v1/prekeys", token, "", b"", 405, "method_not_allowed"),
            ("GET", "/v1/accounts/bob/bundle", token, "", b"", 404, "not_found"),
            ("GET", "/v1/accounts/bob/identity", token, "", b"", 404, "not_found"),
            ("GET", "/v1/accounts/nobody/roster", token, "", b"", 404, "no_such_account"),
            ("GET", "/v1/accounts/%00/roster", token, "", b"", 422, "bad_name"),
            ("GET", "/v1/accounts/%ff/roster", token, "", b"", 422, "bad_name"),
            ("GET", "/v1/accounts/..%2fbob/roster", token, "", b"", 422, "bad_name"),
            ("POST", "/v1/bundles", token, JSON, b"{\"name\":\"nobody\"}", 404, "no_such_account"),
            ("POST", "/v1/bundles", token, JSON, b"{\"name\":\"\"}", 422, "bad_name"),
            ("POST", "/v1/bundles", token, JSON, b"{}", 400, "malformed"),
            ("POST", "/v1/bundles", token, JSON, b"{\"name\":\"bob\",\"devices\":[1,2,3,4,5,6,7,8,9]}", 400, "malformed"),
            ("POST", "/v1/bundles", "", JSON, b"{\"name\":\"bob\"}", 401, "unauthorized"),
            ("PUT", "/v1/roster", token, OCTETS, b"", 422, "bad_roster"),
            ("PUT", "/v1/roster", token, OCTETS, &large[..2_048], 422, "bad_roster"),
            ("PUT", "/v1/roster", token, OCTETS, &large[..2_049], 413, "too_large"),
            ("PUT", "/v1/roster", "", OCTETS, b"", 401, "unauthorized"),
            ("POST", "/v1/messages/nobody", token, OCTETS, &to_nobody, 404, "no_such_account"),
            ("POST", "/v1/messages/nobody", token, OCTETS, &envelope, 403, "not_from_device"),
            ("GET", "/v1/deliveries", token, "", b"", 400, "malformed"),
            // These requests have no token, an invalid token, or a device's token where the
            // reviewer's is needed.
            ("POST", "/v1/messages/bob", "", OCTETS, &envelope, 401, "unauthorized"),
            ("POST", "/v1/reseals/bob", "", OCTETS, &envelope, 401, "unauthorized"),
            ("POST", "/v1/reports", "", OCTETS, &large, 401, "unauthorized"),
            ("PUT", "/v1/prekeys", "AAAA", JSON, b"{}", 401, "unauthorized"),
            ("GET", "/v1/deliveries", "x", "", b"", 401, "unauthorized"),
            ("GET", "/v1/review/key", token, "", b"", 401, "unauthorized"),
            ("GET", "/v1/review/reports", token, "", b"", 401, "unauthorized"),
            ("GET", "/v1/review/reports/00", token, "", b"", 401, "unauthorized"),
            ("POST", "/v1/review/reports/00/rejected", token, JSON, b"{}", 401, "unauthorized"),
            ("POST", "/v1/review/reports/00/closed", token, "", b"", 401, "unauthorized"),
        ];
        for (method, path, token, content_type, body, status, error) in cases {
            let answer = request(&world, method, path, token, content_type, body);
            assert_eq!(
                (answer.0, answer.1.as_str()),
                (*status, *error),
                "{method} {path}"
            );
        }
        // Also refused are a head that is too large, bytes that are not HTTP, and a body that is
        // too large and does not state its length.
        let head = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000));
        assert!(matches!(
            world::raw(world.address(), head.as_bytes()).0,
            0 | 414 | 431
        ));
        assert!(matches!(
            world::raw(world.address(), b"\x16\x03\x01\x02\x00\r\n\r\n").0,
            0 | 400
        ));
        let chunked = b"POST /v1/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n";
        let chunked = [chunked.as_slice(), &large[..0xffff], b"\r\n0\r\n\r\n"].concat();
        assert_eq!(
            world::raw(world.address(), &chunked),
            (413, "too_large".into())
        );
    });
}

#[test]
fn a_registration_whose_answer_was_lost_can_be_repeated() {
    let world = World::new();
    for number in 0..2 {
        let mut device = Device::new(&format!("hasty-{number}"), world.client());
        let card = device.client.card().unwrap();
        // An attempt to register with a wrong proof fails, but shows the test a fresh challenge.
        let mut challenge = Vec::new();
        let keep_challenge = |context: &[u8]| {
            challenge = nth_field(context, 2);
            [0; 64]
        };
        let (me, key) = (&device.me, &device.delivery_key);
        let identity = device.identity_bytes();
        let rng = &mut rand::rng();
        let signed = device.roster.as_ref().unwrap().signed().encode();
        let registrant = Registrant {
            me,
            identity: &identity,
            delivery_key: key,
            roster: Some(&signed),
        };
        let refused = device
            .client
            .register(&card, &registrant, keep_challenge, rng);
        assert_eq!(code(refused), ErrorCode::ProofRefused);

        let sealed = seal_delivery_key(&card.sealing_key().unwrap(), key, me, rng).unwrap();
        let context = register_context(&card.relay_key, &challenge, me, &identity, &sealed);
        let register = Register {
            name: me.account.as_str().to_owned(),
            device: me.device.0,
            identity,
            sealed_delivery_key: sealed,
            proof: device.prove(&context),
            challenge,
            roster: Some(signed),
        };
        let body = serde_json::to_vec(&register).unwrap();
        hang_up_after(&world, "/v1/accounts", "", JSON, &body);

        device.register().unwrap();
        // No other device can register the name.
        let mut other = Device::new(device.me.account.as_str(), world.client());
        assert_eq!(code(other.register()), ErrorCode::AccountTaken);
    }
}

#[test]
fn a_message_whose_sender_hung_up_is_delivered_at_once() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let mut deliveries = bob.connect();
    assert_eq!(deliveries.next(SOON).unwrap(), Some(Event::CaughtUp));
    let db = database(&world);
    let is_queued = || {
        db.query_row("SELECT count(*) FROM queue", [], |row| row.get(0))
            .is_ok_and(|queued: u32| queued > 0)
    };
    let mut tries = 0;
    while !is_queued() {
        tries += 1;
        assert!(
            tries < 20,
            "the relay never begins with the message before the sender hangs up"
        );
        let (_, envelope) = alice.seal(&bob.me, "hello");
        let token = alice.token().to_owned();
        hang_up_after(&world, "/v1/messages/bob", &token, OCTETS, &envelope);
    }
    let arrived = deliveries.next(SOON).unwrap();
    assert!(
        matches!(arrived, Some(Event::Delivery { .. })),
        "{arrived:?}"
    );
}

/// Sends a request and hangs up before the relay can answer. By then, the relay has usually begun
/// with the request.
fn hang_up_after(world: &World, path: &str, token: &str, content_type: &str, body: &[u8]) {
    let len = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {token}\r\ncontent-type: {content_type}\r\ncontent-length: {len}\r\n\r\n"
    );
    let db = database(world);
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut stream = TcpStream::connect(world.address()).unwrap();
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    std::thread::sleep(PAUSE);
    drop(stream);
    std::thread::sleep(PAUSE);
    db.execute_batch("ROLLBACK").unwrap();
    std::thread::sleep(PAUSE);
}

/// Returns the `n`th field of a context, counted from 0. Each field is preceded by its length.
fn nth_field(mut context: &[u8], n: usize) -> Vec<u8> {
    for _ in 0..n {
        let (len, rest) = context.split_first_chunk().unwrap();
        context = &rest[u32::from_be_bytes(*len) as usize..];
    }
    let (len, rest) = context.split_first_chunk().unwrap();
    rest[..u32::from_be_bytes(*len) as usize].to_vec()
}

#[test]
fn foreign_replayed_and_expired_proofs_and_tokens_are_refused() {
    let world = World::new();
    let (alice, mut mallory) = (world.device("alice"), world.device("mallory"));
    let card = alice.client.card().unwrap();
    while_others_talk(&world, || {
        let sign_in = |relay_key: &[u8; 32], prove: &dyn Fn(&[u8]) -> [u8; 64]| {
            code(
                alice
                    .client
                    .sign_in(relay_key, &alice.me, &alice.delivery_key, prove),
            )
        };
        let by_mallory = |context: &[u8]| mallory.prove(context);
        assert_eq!(
            sign_in(&card.relay_key, &by_mallory),
            ErrorCode::ProofRefused
        );
        let for_another_relay = |context: &[u8]| {
            let (mut context, at) = (context.to_vec(), 4 + b"waxseal/1/relay/session".len() + 4);
            assert_eq!(context[at..at + 32], card.relay_key);
            context[at..at + 32].copy_from_slice(&[1; 32]);
            alice.prove(&context)
        };
        assert_eq!(
            sign_in(&card.relay_key, &for_another_relay),
            ErrorCode::ProofRefused
        );
        // A client that pinned another relay's key does not take this relay's answers.
        let proof = |_: &[u8]| panic!("the challenge is not authentic");
        let (me, key) = (&alice.me, &alice.delivery_key);
        let other = alice.client.sign_in(&[1; 32], me, key, proof);
        assert!(matches!(other, Err(ClientError::Unreachable(_))));
        let nobody = Device::new("nobody", world.client());
        let unknown = nobody.client.sign_in(
            &card.relay_key,
            &nobody.me,
            &nobody.delivery_key,
            |context| nobody.prove(context),
        );
        assert_eq!(code(unknown), ErrorCode::ProofRefused);
        let reviewer = mallory
            .client
            .reviewer_sign_in(&card.relay_key, |context| mallory.prove(context));
        assert_eq!(code(reviewer), ErrorCode::ProofRefused);

        // A proof is valid once, and only for a challenge of this relay.
        let mut seen = None;
        let keep = |context: &[u8]| {
            let proof = alice.prove(context);
            seen = Some((context.to_vec(), proof));
            proof
        };
        alice
            .client
            .sign_in(&card.relay_key, &alice.me, &alice.delivery_key, keep)
            .unwrap();
        let (context, proof) = seen.unwrap();
        let label_and_relay = 4 + b"waxseal/1/relay/session".len() + 4 + 32 + 4;
        let mut replayed = SignIn {
            name: "alice".into(),
            device: 1,
            challenge: context[label_and_relay..label_and_relay + 64].to_vec(),
            proof,
        };
        let refused = (401, "challenge_refused".to_owned());
        let body = serde_json::to_vec(&replayed).unwrap();
        assert_eq!(
            request(&world, "POST", "/v1/sessions", "", JSON, &body),
            refused
        );
        replayed.challenge[20] ^= 1;
        let body = serde_json::to_vec(&replayed).unwrap();
        assert_eq!(
            request(&world, "POST", "/v1/sessions", "", JSON, &body),
            refused
        );

        // These tokens carry the relay's own MAC. One is valid, one has expired, one is for an
        // account that is not registered, and one is for an earlier holder of the name.
        let root = std::fs::read(world.dir.path().join("data/root.key")).unwrap();
        let is_alice = alice.identity_bytes();
        let token = |expires_at_ms: u64, identity: &[u8; 64], name: &[u8]| {
            use base64::Engine;
            let body = [
                &expires_at_ms.to_be_bytes(),
                [1, 0, 0, 0, 1].as_slice(),
                &identity[..32],
                name,
            ]
            .concat();
            let mut mac = Hmac::<Sha256>::new_from_slice(&root[65..97]).unwrap();
            mac.update(b"waxseal/1/relay/token-mac");
            mac.update(&body);
            let token = [body, mac.finalize().into_bytes().to_vec()].concat();
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token)
        };
        let now_ms = world::now().as_millis();
        let left = |token: &str| request(&world, "GET", "/v1/prekeys", token, "", b"");
        assert_eq!(
            left(&token(now_ms + 5_000, &is_alice, b"alice")),
            (200, String::new())
        );
        assert_eq!(
            left(&token(now_ms - 1, &is_alice, b"alice")),
            (401, "token_expired".into())
        );
        for (identity, name, refused) in [
            (is_alice, b"nobody".as_slice(), "unauthorized"),
            ([9; 64], b"alice", "removed"),
        ] {
            assert_eq!(
                left(&token(now_ms + 5_000, &identity, name)),
                (401, refused.into())
            );
        }
    });
    // The stamp states the authenticated sender, whatever the envelope holds.
    mallory.send(&alice.me, "I am mallory").unwrap();
    assert_eq!(alice.receive()[0].1.claim().context().sender, mallory.me);
}

#[test]
fn foreign_altered_and_wrongly_sealed_reports_are_refused() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let mallory = world.device("mallory");
    alice.send(&bob.me, "to bob").unwrap();
    let (_, evidence) = &bob.receive()[0];
    let key = world.vault.moderation.public_key();
    while_others_talk(&world, || {
        let submit = |by: &Device, report: &[u8]| by.client.report(by.session(), report);
        let of_bob = bob.report(key, &[evidence]);
        assert_eq!(code(submit(&mallory, &of_bob)), ErrorCode::NotYourReport);
        let other_key = ModerationKeyPair::generate(&mut rand::rng());
        let for_others = bob.report(other_key.public_key(), &[evidence]);
        assert_eq!(
            code(submit(&bob, &for_others)),
            ErrorCode::OtherModerationKey
        );
        // A report altered anywhere is refused as malformed, or by a check that is named.
        let mut checks = Vec::new();
        for at in (0..of_bob.len()).step_by(7) {
            let mut altered = of_bob.clone();
            altered[at] ^= 0x10;
            match submit(&bob, &altered) {
                Err(ClientError::Refused { status: 422, body }) => checks.extend(body.check),
                Err(ClientError::Refused {
                    status: 400 | 403, ..
                }) => {}
                other => panic!("{at}: {other:?}"),
            }
        }
        assert!(
            checks.contains(&74),
            "check 74, the reporter's MAC, is among {checks:?}"
        );
    });
    assert!(
        !bob.client
            .report(bob.session(), &bob.report(key, &[evidence]))
            .unwrap()
            .duplicate
    );
}
