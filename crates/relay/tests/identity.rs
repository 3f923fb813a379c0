//! The identity that an account registered, for devices that have no contact with it.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::sync::Arc;

use waxseal_interface::ErrorCode;
use waxseal_relay::ClientError;
use world::proxy::{through_proxy, unchanged};
use world::{Device, World, code, request};

#[test]
fn a_device_asks_for_the_identity_of_an_account_and_takes_no_prekey() {
    let world = World::new();
    let (alice, bob) = (world.device("alice"), world.device("bob"));
    let ask = || alice.client.identity(alice.session(), &bob.me.account);
    // Bob has published no prekeys yet, so no one could start a conversation with him.
    assert_eq!(ask().unwrap(), bob.identity_bytes());
    let parts = [vec![1], vec![2]];
    bob.client
        .put_prekeys(bob.session(), &bob.base(b""), &parts)
        .unwrap();
    for _ in 0..30 {
        assert_eq!(ask().unwrap(), bob.identity_bytes());
    }
    assert_eq!(bob.client.prekeys_left(bob.session()).unwrap(), 2);
    let bundle = alice.client.bundle(alice.session(), &bob.me.account);
    assert_eq!(bundle.unwrap().one_time, Some(vec![1]));
}

#[test]
fn an_identity_is_told_to_devices_alone_and_of_registered_accounts_alone() {
    let world = World::new();
    let alice = world.device("alice");
    let nobody = Device::new("nobody", world.client());
    let asked = alice.client.identity(alice.session(), &nobody.me.account);
    assert_eq!(code(asked), ErrorCode::NoSuchAccount);
    let token = alice.token();
    for (method, path, token, status, error) in [
        (
            "GET",
            "/v1/accounts/alice/identity",
            "",
            401,
            "unauthorized",
        ),
        (
            "GET",
            "/v1/accounts/alice/identity",
            "x",
            401,
            "unauthorized",
        ),
        ("GET", "/v1/accounts/%00/identity", token, 422, "bad_name"),
        (
            "GET",
            "/v1/accounts/..%2falice/identity",
            token,
            422,
            "bad_name",
        ),
        (
            "PUT",
            "/v1/accounts/alice/identity",
            token,
            405,
            "method_not_allowed",
        ),
    ] {
        let answer = request(&world, method, path, token, "", b"");
        assert_eq!(answer, (status, error.to_owned()), "{method} {path}");
    }
}

#[test]
fn a_proxy_passes_off_no_other_accounts_identity() {
    let world = World::new();
    let (alice, bob, eve) = (
        world.device("alice"),
        world.device("bob"),
        world.device("eve"),
    );
    // The proxy asks for another account's identity, and passes on the relay's genuine answer.
    let other = Arc::new(|request: Vec<u8>| {
        let request = String::from_utf8(request).unwrap();
        request
            .replace("/accounts/bob/", "/accounts/eve/")
            .into_bytes()
    });
    let proxy = through_proxy(&world, other, unchanged());
    let asked = proxy.identity(alice.session(), &bob.me.account);
    assert!(matches!(asked, Err(ClientError::Unreachable(_))));
    let asked = proxy.identity(alice.session(), &eve.me.account);
    assert_eq!(asked.unwrap(), eve.identity_bytes());
}
