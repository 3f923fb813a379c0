//! Tests what the operator of a relay sees of it, and that a relay which is told to stop loses
//! nothing: over SQLite and, with the feature `postgres`, over PostgreSQL.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use waxseal_interface::Event;
use world::{Device, RelayProcess, SOON, World, devices};

/// Asks with a connection of its own. Returns status and body, or `None` if nobody answers.
fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(SOON)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// The number of a metric.
fn metric(address: &str, name: &str) -> u64 {
    let (status, text) = get(address, "/metrics").unwrap();
    assert_eq!(status, 200);
    let prefix = format!("waxseal_relay_{name} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&prefix));
    value
        .unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .unwrap()
}

/// Waits until `/ready` has this status.
fn wait_until_ready_is(address: &str, status: u16) {
    let began = Instant::now();
    while get(address, "/ready").is_none_or(|(is, _)| is != status) {
        assert!(began.elapsed() < SOON, "/ready is not {status} in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A relay, a server of PostgreSQL if it needs one, and the options to start the relay again.
struct Place {
    world: World,
    server: Option<waxseal_postgres::Server>,
    options: Vec<String>,
    metrics: String,
}

impl Place {
    /// With PostgreSQL, `None` where there is none.
    fn new(with_postgres: bool) -> Option<Self> {
        let mut world = World::new();
        assert!(world.relay.take().unwrap().stop());
        let metrics = free_address();
        let mut options = vec!["--metrics-listen".to_owned(), metrics.clone()];
        let server = match with_postgres {
            true => Some(waxseal_postgres::Server::start()?),
            false => None,
        };
        if let Some(server) = &server {
            options.extend(["--database".to_owned(), server.database()]);
        }
        let mut place = Self {
            world,
            server,
            options,
            metrics,
        };
        place.start(&[]);
        Some(place)
    }

    fn start(&mut self, more: &[&str]) {
        let options = self.options.iter().map(String::as_str);
        let options: Vec<_> = options.chain(more.iter().copied()).collect();
        self.world.start_with(&options);
    }

    fn relay(&mut self) -> RelayProcess {
        self.world.relay.take().unwrap()
    }
}

fn engines() -> impl Iterator<Item = Place> {
    let engines: &[bool] = match cfg!(feature = "postgres") {
        true => &[false, true],
        false => &[false],
    };
    engines.iter().filter_map(|engine| Place::new(*engine))
}

/// Receives and acknowledges until the relay ends the connection.
fn receive_until_the_end(device: &Device) -> Vec<String> {
    let (mut deliveries, mut received) = (device.connect(), Vec::new());
    while let Ok(Some(event)) = deliveries.next(SOON) {
        if let Event::Delivery { id, delivery, .. } = event {
            received.push(device.open(&delivery).0);
            if deliveries.acknowledge(id).is_err() {
                break;
            }
        }
    }
    received
}

#[test]
fn a_relay_that_is_told_to_stop_is_not_ready_first_and_loses_no_delivery() {
    for mut place in engines() {
        assert!(place.relay().stop());
        place.start(&["--drain", "2"]);
        let address = place.world.address().to_owned();
        for address in [&address, &place.metrics] {
            wait_until_ready_is(address, 200);
            assert_eq!(get(address, "/health").unwrap().0, 200);
        }
        let [mut alice, carol, mut bob] = devices(&place.world, ["alice", "carol", "bob"]);
        let (to_carol, to_bob, stop) = (carol.me.clone(), bob.me.clone(), AtomicBool::new(false));
        let (receipted, before, sent_while_draining) = std::thread::scope(|scope| {
            // Bob is there, and Carol is not.
            let receiving = scope.spawn(|| receive_until_the_end(&bob));
            let sending = scope.spawn(|| {
                let mut receipted = Vec::new();
                for n in 0.. {
                    for to in [&to_carol, &to_bob] {
                        match alice.send(to, &n.to_string()) {
                            Ok(_) => receipted.push((to.clone(), n.to_string())),
                            Err(_) => return receipted,
                        }
                        if stop.load(Ordering::Relaxed) {
                            return receipted;
                        }
                    }
                }
                receipted
            });
            std::thread::sleep(Duration::from_millis(500));
            place.world.relay.as_ref().unwrap().terminate();
            wait_until_ready_is(&address, 503);
            assert_eq!(get(&place.metrics, "/ready").unwrap().1, "stopping\n");
            let accepted = || metric(&place.metrics, "messages_accepted_total");
            let at_first = accepted();
            std::thread::sleep(Duration::from_millis(500));
            let sent_while_draining = accepted() - at_first;
            let before = receiving.join().unwrap();
            let receipted = sending.join().unwrap();
            (receipted, before, sent_while_draining)
        });
        assert!(sent_while_draining > 0, "requests go on while it drains");
        assert!(place.relay().ends());
        assert!(!before.is_empty());

        place.start(&[]);
        bob.use_relay_of(&place.world);
        let mut carol = carol;
        carol.use_relay_of(&place.world);
        let after_of_bob: Vec<_> = bob.receive().into_iter().map(|(text, _)| text).collect();
        let of_carol: Vec<_> = carol.receive().into_iter().map(|(text, _)| text).collect();
        let of_bob: BTreeSet<_> = before.iter().chain(&after_of_bob).collect();
        for (to, text) in &receipted {
            let is_there = match *to == to_bob {
                true => of_bob.contains(text),
                false => of_carol.contains(text),
            };
            assert!(is_there, "a message with a receipt is lost");
        }
        // In order. The last one comes again if its acknowledgement was on its way.
        for received in [&of_carol, &before.into_iter().chain(after_of_bob).collect()] {
            let numbers: Vec<u64> = received.iter().map(|text| text.parse().unwrap()).collect();
            assert!(numbers.is_sorted(), "{numbers:?}");
        }
        alice.use_relay_of(&place.world);
        alice.send(&to_bob, "later").unwrap();
        assert!(metric(&place.metrics, "deliveries_total") > 0);
    }
}

#[test]
fn a_relay_whose_database_is_lost_is_alive_and_not_ready_until_it_is_back() {
    for mut place in engines() {
        let Some(server) = place.server.take() else {
            continue;
        };
        let address = place.world.address().to_owned();
        let [mut alice, bob] = devices(&place.world, ["alice", "bob"]);
        alice.send(&bob.me, "before").unwrap();
        server.kill();
        wait_until_ready_is(&address, 503);
        let (status, why) = get(&address, "/ready").unwrap();
        assert_eq!(
            (status, why.lines().next()),
            (503, Some("the database is lost"))
        );
        assert_eq!(get(&address, "/health").unwrap().0, 200);
        assert_eq!(metric(&place.metrics, "database_lost"), 1);
        let refused = alice.send(&bob.me, "lost").map(|_| ());
        assert_eq!(world::code(refused), waxseal_interface::ErrorCode::Busy);
        assert!(metric(&place.metrics, "refused_total{code=\"busy\"}") > 0);

        server.restart();
        wait_until_ready_is(&address, 200);
        assert_eq!(metric(&place.metrics, "database_lost"), 0);
        assert_eq!(metric(&place.metrics, "database_losses_total"), 1);
        alice.send(&bob.me, "after").unwrap();
        let received: Vec<_> = bob.receive().into_iter().map(|(text, _)| text).collect();
        assert_eq!(received, ["before", "after"]);
    }
}

#[test]
fn a_relay_whose_database_hangs_is_not_ready_until_it_goes_on() {
    for mut place in engines() {
        let Some(server) = place.server.take() else {
            continue;
        };
        let address = place.world.address().to_owned();
        wait_until_ready_is(&address, 200);
        server.freeze();
        let began = Instant::now();
        while get(&address, "/ready").unwrap().0 == 200 {
            assert!(began.elapsed() < Duration::from_secs(6));
            std::thread::sleep(Duration::from_millis(20));
        }
        let why = get(&address, "/ready").unwrap().1;
        assert_eq!(why.lines().next(), Some("the database is lost"));
        assert_eq!(metric(&place.metrics, "database_lost"), 1);
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(metric(&place.metrics, "database_losses_total"), 1);
        server.thaw();
        wait_until_ready_is(&address, 200);
        assert_eq!(metric(&place.metrics, "database_lost"), 0);
    }
}

#[test]
fn numbers_are_served_on_this_machine_alone() {
    let world = World::new();
    assert_eq!(get(world.address(), "/metrics").unwrap().0, 404);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_relay"));
    command.args(["--metrics-listen", "0.0.0.0:0", "--data", "/nowhere"]);
    command.args(["--vault-key", "/nowhere", "--reviewer-key", "/nowhere"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("not an address of this machine"),
        "{said}"
    );
}
