//! TLS between clients and relay: what works over it, which certificates are refused, and that
//! unfinished handshakes do not keep others out.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use waxseal_interface::Event;
use waxseal_relay::{ClientError, RelayClient};
use world::tls::Authority;
use world::{Device, SOON, World};

/// The reason for which a relay counts as unreachable.
fn reason<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    match result.unwrap_err() {
        ClientError::Unreachable(reason) => reason,
        error => panic!("{error}"),
    }
}

#[test]
fn devices_register_send_receive_and_report_over_tls() {
    let authority = Authority::new();
    let world = World::with_tls(&authority);
    assert!(world.url().starts_with("https://"));
    let mut alice = world.tls_device("alice", &authority);
    let mut bob = world.tls_device("bob", &authority);
    alice.send(&bob.me, "hello").unwrap();
    let mut deliveries = bob.connect();
    let Some(Event::Delivery { id, delivery, .. }) = deliveries.next(SOON).unwrap() else {
        panic!("a delivery comes first")
    };
    let (text, evidence) = bob.open(&delivery);
    assert_eq!(text, "hello");
    deliveries.acknowledge(id).unwrap();
    assert!(matches!(deliveries.next(SOON), Ok(Some(Event::CaughtUp))));
    // Waiting in vain does not end the connection, and a message that comes then arrives.
    for wait in [Duration::ZERO, Duration::from_millis(300)] {
        assert!(deliveries.next(wait).unwrap().is_none());
    }
    alice.send(&bob.me, "again").unwrap();
    let again = deliveries.next(SOON).unwrap();
    assert!(matches!(again, Some(Event::Delivery { .. })));
    deliveries.close();

    // The same relay under another name of its certificate.
    let url = world.url().replace("127.0.0.1", "localhost");
    bob.client = RelayClient::with_ca(&url, &authority.pem).unwrap();
    assert_eq!(bob.receive()[0].0, "again");
    let card = bob.client.card().unwrap();
    let key = card.moderation_key().unwrap();
    let report = bob.report(&key, &[&evidence]);
    bob.client.report(bob.session(), &report).unwrap();
    let id = bob.client.report(bob.session(), &report).unwrap().report_id;

    // The reviewer lists it with the same options as the chat.
    let dir = world.dir.path();
    std::fs::write(dir.join("ca.pem"), &authority.pem).unwrap();
    let review = |ca: &[&str]| {
        let mut review = Command::new(env!("CARGO_BIN_EXE_review"));
        review.current_dir(dir).args(["--relay", world.url()]);
        let ended = review.args(ca).args(["--key", "review.key", "list"]);
        let ended = ended.output().unwrap();
        let printed = [ended.stdout, ended.stderr].concat();
        (ended.status.success(), String::from_utf8(printed).unwrap())
    };
    let (listed, printed) = review(&["--relay-ca", "ca.pem"]);
    assert!(listed && printed.contains(&id), "{printed}");
    let (listed, printed) = review(&[]);
    assert!(!listed && printed.contains("certificate"), "{printed}");
}

#[test]
fn certificates_of_other_authorities_names_and_times_are_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut world = World::with_tls(&authority);
    let alice = world.tls_device("alice", &authority);
    let refused = |client: RelayClient, why: &str| {
        for reason in [
            reason(client.card()),
            reason(client.prekeys_left(alice.session())),
            reason(client.deliveries(alice.session())),
        ] {
            assert!(reason.contains("its certificate is refused"), "{reason}");
            assert!(reason.contains(why), "{reason}");
        }
    };
    // The other authority has the same name and another key.
    refused(world.tls_client(&other), "BadSignature");
    match RelayClient::new(world.url()) {
        Ok(client) => refused(client, "UnknownIssuer"),
        Err(error) => assert!(matches!(error, ClientError::NoAuthority), "{error}"),
    }
    authority.certify(world.dir.path(), &["relay.example"], |_| {});
    world.restart_with_tls();
    refused(world.tls_client(&authority), "not valid for name");
    let long_ago = |params: &mut rcgen::CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    };
    authority.certify(world.dir.path(), &["127.0.0.1"], long_ago);
    world.restart_with_tls();
    refused(world.tls_client(&authority), "expired");
}

#[test]
fn a_client_without_tls_and_a_relay_with_it_say_so_and_the_other_way_round() {
    let authority = Authority::new();
    let (plain, tls) = (World::new(), World::with_tls(&authority));
    let without = RelayClient::new(&format!("http://{}", tls.address())).unwrap();
    let reason_without = reason(without.card());
    assert!(reason_without.contains("give https://"), "{reason_without}");
    let with = format!("https://{}", plain.address());
    let with = RelayClient::with_ca(&with, &authority.pem).unwrap();
    let alice = plain.device("alice");
    for reason in [
        reason(with.card()),
        reason(with.deliveries(alice.session())),
    ] {
        assert!(reason.contains("give http://"), "{reason}");
    }
    // Both go on serving those who speak as they do.
    alice.client.card().unwrap();
    tls.tls_client(&authority).card().unwrap();
}

#[test]
fn redirects_are_not_followed() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let redirecting = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", redirecting.local_addr().unwrap());
    let to = target.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in redirecting.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            let answer = "HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\n";
            write!(stream, "{answer}location: http://{to}/v1/relay\r\n\r\n").unwrap();
        }
    });
    let client = RelayClient::new(&url).unwrap();
    let world = World::new();
    reason(client.card());
    reason(client.deliveries(world.device("alice").session()));
    target.set_nonblocking(true).unwrap();
    assert_eq!(target.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn unfinished_handshakes_end_and_do_not_keep_others_out() {
    let authority = Authority::new();
    let world = World::with_tls(&authority);
    let mut alice = world.tls_device("alice", &authority);
    let bob = world.tls_device("bob", &authority);
    let began = Instant::now();
    // A record that announces 512 bytes of a handshake, and nothing.
    let mut stalled: Vec<TcpStream> = (0..600)
        .map(|n| {
            let mut stream = TcpStream::connect(world.address()).unwrap();
            if n % 2 == 0 {
                stream.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
            }
            stream
        })
        .collect();
    let newcomer = Device::new("newcomer", world.tls_client(&authority)).register();
    newcomer.unwrap();
    alice.send(&bob.me, "hello").unwrap();
    assert_eq!(bob.receive()[0].0, "hello");
    assert!(began.elapsed() < Duration::from_secs(5), "no one waits");
    // Of one address, 256 are kept. The rest made room at once.
    let open = |stalled: &mut Vec<TcpStream>| {
        stalled.retain_mut(|stream| {
            stream.set_nonblocking(true).unwrap();
            let read = stream.read(&mut [0; 16]);
            read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        });
        stalled.len()
    };
    assert!(
        (200..=256).contains(&open(&mut stalled)),
        "{}",
        stalled.len()
    );
    while open(&mut stalled) > 0 {
        assert!(began.elapsed() < SOON, "{} are left", stalled.len());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(
        began.elapsed() > Duration::from_secs(8),
        "they have ten seconds"
    );
}

#[test]
fn a_hang_up_makes_the_relay_read_its_certificate_again() {
    let (authority, renewed) = (Authority::new(), Authority::new());
    let world = World::with_tls(&authority);
    let (dir, relay) = (world.dir.path(), world.relay.as_ref().unwrap());
    let alice = world.tls_device("alice", &authority);
    let mut deliveries = alice.connect();
    // Files that do not fit leave the relay with the certificate that it has.
    let before = std::fs::read(dir.join("tls.key")).unwrap();
    renewed.certify(dir, &["127.0.0.1"], |_| {});
    let after = std::fs::read(dir.join("tls.key")).unwrap();
    std::fs::write(dir.join("tls.key"), before).unwrap();
    relay.hang_up();
    std::thread::sleep(Duration::from_millis(300));
    world.tls_client(&authority).card().unwrap();

    std::fs::write(dir.join("tls.key"), after).unwrap();
    relay.hang_up();
    let began = Instant::now();
    while let Err(error) = world.tls_client(&renewed).card() {
        assert!(began.elapsed() < SOON, "{error}");
        std::thread::sleep(Duration::from_millis(20));
    }
    reason(world.tls_client(&authority).card());
    // Connections of before go on.
    let mut bob = world.tls_device("bob", &renewed);
    assert!(matches!(deliveries.next(SOON), Ok(Some(Event::CaughtUp))));
    bob.send(&alice.me, "hello").unwrap();
    let next = deliveries.next(SOON).unwrap();
    assert!(matches!(next, Some(Event::Delivery { .. })));
}

#[test]
fn the_relay_starts_with_a_certificate_and_its_own_key_only() {
    let (authority, world) = (Authority::new(), World::new());
    let dir = world.dir.path();
    authority.certify(dir, &["127.0.0.1"], |_| {});
    std::fs::rename(dir.join("tls.key"), dir.join("other.key")).unwrap();
    authority.certify(dir, &["127.0.0.1"], |_| {});
    let failed = |arguments: &[&str]| {
        let mut relay = Command::new(env!("CARGO_BIN_EXE_relay"));
        relay.current_dir(dir).args(["--data", "other"]);
        relay.args(["--listen", "127.0.0.1:0", "--vault-key", "vault.key.pub"]);
        relay.args(["--reviewer-key", "review.key.pub"]);
        let ended = relay.args(arguments).output().unwrap();
        assert!(!ended.status.success());
        String::from_utf8(ended.stderr).unwrap()
    };
    for (arguments, why) in [
        (["--tls-cert", "tls.cert", "", ""], "--tls-key"),
        (["--tls-key", "tls.key", "", ""], "--tls-cert"),
        (
            ["--tls-cert", "tls.cert", "--tls-key", "other.key"],
            "tls.cert",
        ),
        (
            ["--tls-cert", "tls.cert", "--tls-key", "tls.cert"],
            "tls.cert",
        ),
        (["--tls-cert", "tls.key", "--tls-key", "tls.key"], "tls.key"),
        (["--tls-cert", "gone", "--tls-key", "tls.key"], "gone"),
    ] {
        let given = arguments.iter().copied().filter(|part| !part.is_empty());
        let printed = failed(&given.collect::<Vec<_>>());
        assert!(printed.contains(why), "{arguments:?}: {printed}");
    }
    assert!(!dir.join("other").exists(), "nothing was begun");
}
