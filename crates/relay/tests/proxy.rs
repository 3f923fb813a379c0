//! A proxy between clients and relay, as one that ends TLS would be. It may cut connections, but a
//! client acts on no answer that the relay did not make for its request.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::sync::Arc;

use waxseal_interface::{ErrorCode, MAC_HEADER, SIGNATURE_HEADER};
use waxseal_relay::{ClientError, RelayClient};
use waxseal_reporting::DeviceAddress;
use waxseal_reporting::limits::MAX_POSTED_RESEAL_LEN;
use world::proxy::{Change, through_proxy, unchanged};
use world::{Device, World, code};

/// Replaces one string by another of the same length.
fn replace(from: &str, to: &str) -> Change {
    assert_eq!(from.len(), to.len());
    let (from, to) = (from.as_bytes().to_vec(), to.as_bytes().to_vec());
    Arc::new(move |mut bytes| {
        let at = bytes.windows(from.len()).position(|part| part == from);
        if let Some(at) = at {
            bytes[at..at + to.len()].copy_from_slice(&to);
        }
        bytes
    })
}

/// Overwrites these bytes.
fn blank(from: &[u8]) -> Change {
    let from = from.to_vec();
    Arc::new(move |mut bytes| {
        let at = bytes.windows(from.len()).position(|part| part == from);
        if let Some(at) = at {
            bytes[at..at + from.len()].fill(0);
        }
        bytes
    })
}

fn broken<T: std::fmt::Debug>(result: Result<T, ClientError>) {
    let error = result.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable(_)) && error.is_transient(),
        "{error}"
    );
}

#[test]
fn a_bundle_that_a_proxy_replaced_is_refused() {
    let world = World::new();
    let (alice, bob, eve) = (
        world.device("alice"),
        world.device("bob"),
        world.device("eve"),
    );
    for (device, keys) in [(&bob, b"Bobs"), (&eve, b"Eves")] {
        let base = device.base(keys);
        device
            .client
            .put_prekeys(device.session(), &base, &[])
            .unwrap();
    }
    let fetch = |client: &RelayClient, of: &DeviceAddress| {
        world::bundle(client, alice.session(), &of.account)
    };
    let honest = through_proxy(&world, unchanged(), unchanged());
    assert_eq!(fetch(&honest, &bob.me).unwrap().base, bob.base(b"Bobs"));

    // The proxy asks for another account's bundle. The relay says that this is not what the device
    // asked.
    let other = replace(r#""name":"bob""#, r#""name":"eve""#);
    let altered = fetch(&through_proxy(&world, other, unchanged()), &bob.me);
    assert_eq!(code(altered), ErrorCode::BodyAltered);
    // It replaces the bundle, drops the MAC, or replaces the MAC by one that was made for another
    // request: base64 of "Bobs" is Qm9icw==, that of "Eves" is RXZlcw==.
    let body = replace("Qm9icw==", "RXZlcw==");
    broken(fetch(&through_proxy(&world, unchanged(), body), &bob.me));
    for name in [MAC_HEADER, NONCE] {
        let gone = replace(name, &"x".repeat(name.len()));
        let request = if name == NONCE {
            gone.clone()
        } else {
            unchanged()
        };
        broken(fetch(&through_proxy(&world, request, gone), &bob.me));
    }
    let recorded: Arc<std::sync::Mutex<Option<Vec<u8>>>> = Arc::default();
    let replay: Change = Arc::new(move |answer| {
        let mut recorded = recorded.lock().unwrap();
        recorded.get_or_insert(answer).clone()
    });
    let replaying = through_proxy(&world, unchanged(), replay);
    fetch(&replaying, &bob.me).unwrap();
    broken(fetch(&replaying, &bob.me));
}

const NONCE: &str = waxseal_interface::NONCE_HEADER;

#[test]
fn an_error_or_a_status_that_a_proxy_made_up_is_refused() {
    let world = World::new();
    let (mut alice, bob) = (world.device("alice"), world.device("bob"));
    let session = &alice.session().clone();
    let fetch = |client: &RelayClient| world::bundle(client, session, &bob.me.account);
    let honest = through_proxy(&world, unchanged(), unchanged());
    assert_eq!(code(fetch(&honest)), ErrorCode::NoPreKeys);
    let gone = replace("no_pre_keys", "no_such_key");
    broken(fetch(&through_proxy(&world, unchanged(), gone)));
    let status = replace(" 404 Not Found", " 200 Not Found");
    broken(fetch(&through_proxy(&world, unchanged(), status)));
    let made_up: Change = Arc::new(|_| {
        let body = r#"{"error":"no_such_account","message":""}"#;
        let len = body.len();
        format!("HTTP/1.1 404 Not Found\r\ncontent-length: {len}\r\n\r\n{body}").into_bytes()
    });
    let client = through_proxy(&world, unchanged(), made_up);
    broken(fetch(&client));
    // The card has no MAC. An error in its place could say anything, such as that a recipient does
    // not exist, and so make a client give up a message while it signs in.
    broken(client.card());

    // The relay refuses a large body before it reads it. This answer is authenticated too.
    let large = vec![0; MAX_POSTED_RESEAL_LEN + 1];
    let refused = alice.client.send_again(session, &bob.me.account, &large);
    assert_eq!(code(refused), ErrorCode::TooLarge);
    // A body that was changed on the way is refused, and the answer says nothing about the one that
    // was sent: else a proxy could make a client give up a message as malformed.
    let parts = [vec![1; 20]];
    let put = |client: &RelayClient| client.put_prekeys(session, &alice.base(b"Bobs"), &parts);
    let changed = through_proxy(&world, replace("Qm9icw==", "RXZlcw=="), unchanged());
    let altered = put(&changed).unwrap_err();
    assert_eq!(altered.code(), Some(ErrorCode::BodyAltered));
    assert!(altered.is_transient());
    let (_, posted) = alice.seal(&bob.me, "hello");
    let tag = &posted[3..35];
    let changed = through_proxy(&world, blank(tag), unchanged());
    let send = |client: &RelayClient| client.send(alice.session(), &bob.me.account, &posted);
    assert_eq!(code(send(&changed)), ErrorCode::BodyAltered);
    send(&alice.client).unwrap();
    assert_eq!(alice.client.prekeys_left(session).unwrap(), 0);
}

#[test]
fn what_the_relay_says_to_a_device_it_does_not_know_is_signed() {
    let world = World::new();
    let device = world.device("alice");
    // A token that the relay does not accept: the answer cannot carry the device's MAC.
    let other = World::new();
    let stranger = other.device("alice");
    let session = waxseal_relay::DeviceSession::new(
        stranger.session().session().clone(),
        device.client.card().unwrap().relay_key,
        device.delivery_key.clone(),
    );
    let left = |client: &RelayClient| client.prekeys_left(&session);
    assert_eq!(code(left(&device.client)), ErrorCode::Unauthorized);
    assert_eq!(
        code(device.client.deliveries(&session)),
        ErrorCode::Unauthorized
    );
    let unsigned = replace(SIGNATURE_HEADER, &"x".repeat(SIGNATURE_HEADER.len()));
    broken(left(&through_proxy(&world, unchanged(), unsigned.clone())));

    // So is what it says before registration.
    let mut newcomer = Device::new("bob", through_proxy(&world, unchanged(), unsigned));
    broken(newcomer.register());
    newcomer.client = through_proxy(&world, unchanged(), unchanged());
    newcomer.register().unwrap();
    let reviewer = through_proxy(&world, unchanged(), replace(r#""reports""#, r#""retorts""#));
    broken(reviewer.reports(&world.reviewer(), 0));
}

#[test]
fn a_connection_for_deliveries_is_authenticated() {
    let world = World::new();
    let alice = world.device("alice");
    let unsigned = replace(MAC_HEADER, &"x".repeat(MAC_HEADER.len()));
    let proxy = through_proxy(&world, unchanged(), unsigned);
    broken(proxy.deliveries(alice.session()));
    through_proxy(&world, unchanged(), unchanged())
        .deliveries(alice.session())
        .unwrap();
}
