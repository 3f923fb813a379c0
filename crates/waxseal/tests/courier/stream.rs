//! Deliveries: many at once, those that never open, and connections that break.

use std::cell::Cell;
use std::rc::Rc;

use waxseal::courier::Event;
use waxseal::{MemoryStore, Timestamp};
use waxseal_interface::Event as Frame;
use waxseal_world::{Asked, NOW, account};

use crate::disk::{Disk, Medium};
use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Phone, Town};

fn connects(town: &Town) -> usize {
    let is_connect = |asked: &&Asked| asked.is("GET", "/v1/deliveries");
    town.relay.asked.iter().filter(is_connect).count()
}

fn deliver(town: &mut Town, who: usize, id: u64, delivery: &[u8]) {
    let phone = &mut town.phones[who];
    let event = Frame::Delivery {
        id,
        contact: None,
        delivery: delivery.to_vec(),
    };
    let frame = town.relay.frame(phone.connection.unwrap(), &event);
    let now = phone.now(&town.relay);
    phone.courier.deliver(&[frame.unwrap()], now).unwrap();
}

/// Takes what the phone answers on its connection, without the relay's check that it asked.
fn answers(town: &mut Town, who: usize) -> Vec<Vec<u8>> {
    let phone = &mut town.phones[who];
    let now = phone.now(&town.relay);
    let mut frames = Vec::new();
    while let Some(request) = phone.courier.next(now, &mut phone.rng).unwrap() {
        match request {
            waxseal::courier::Request::Frame(frame) => frames.push(frame),
            other => panic!("{other:?}"),
        }
    }
    phone.take_events();
    frames
}

/// Whether the answer puts a delivery off.
fn is_put_off(frame: &[u8]) -> bool {
    frame[0] == 2
}

/// Counts the commits of a store.
struct Counting(MemoryStore, Rc<Cell<usize>>);

impl Medium for Counting {
    fn get(&self, key: &waxseal::store::Key) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        Medium::get(&self.0, key)
    }

    fn list(
        &self,
        table: &waxseal::store::Table,
        after: Option<&waxseal::store::Cursor>,
        limit: usize,
    ) -> Vec<waxseal::store::Listed> {
        Medium::list(&self.0, table, after, limit)
    }

    fn commit(&mut self, transaction: waxseal::store::Transaction) {
        self.1.set(self.1.get() + 1);
        Medium::commit(&mut self.0, transaction);
    }

    fn stop_in(&mut self, transaction: waxseal::store::Transaction, way: u32) {
        Medium::stop_in(&mut self.0, transaction, way);
    }
}

#[test]
fn many_deliveries_take_a_few_commits() {
    let commits = Rc::new(Cell::new(0));
    let mut town = Town::registered(&["alice"]);
    let disk = Disk::new(Counting(MemoryStore::new(), commits.clone()));
    town.phones.push(Phone::on(disk, "bob", 2));
    town.turn();
    town.say(0, "bob", "first");
    town.turn();
    town.accept(1, "alice"); // more than a request may have
    for number in 0..200 {
        town.say(0, "bob", &number.to_string());
    }
    town.turn_of(0);
    let before = commits.get();
    town.turn_of(1);
    let made = commits.get() - before;
    assert!(made <= 20, "{made} commits");
    let expected: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    assert_eq!(town.phones[1].heard("alice")[1..], expected);
    let told = town.phones[1].count(|event| matches!(event, Event::Message { .. }));
    assert_eq!(told, 201);
    assert_eq!(town.relay.queued(&account("bob")), 0);
}

#[test]
fn what_looks_altered_is_kept_five_times_and_then_dropped() {
    let mut town = Town::of_two();
    for time in 1..=5 {
        deliver(&mut town, 1, 77, b"no delivery");
        let [answer] = &answers(&mut town, 1)[..] else {
            panic!()
        };
        assert_eq!(is_put_off(answer), time < 5, "{time}");
        let dropped = town.phones[1].count(|event| matches!(event, Event::Dropped { .. }));
        assert_eq!(dropped, usize::from(time == 5));
        // The next connection.
        town.relay.disconnect(town.phones[1].connection.unwrap());
        town.wait(1_000);
        town.turn_of(1);
    }
    // Nothing is left of it.
    deliver(&mut town, 1, 77, b"no delivery");
    assert!(is_put_off(&answers(&mut town, 1)[0]));
}

#[test]
fn one_sender_cannot_have_more_than_sixty_four_kept() {
    let mut town = Town::of_two();
    for number in 0..70 {
        deliver(&mut town, 1, 1_000 + number, b"no delivery");
        let answer = &answers(&mut town, 1)[0];
        assert_eq!(is_put_off(answer), number < 64, "{number}");
    }
    let dropped = town.phones[1].count(|event| matches!(event, Event::Dropped { .. }));
    assert_eq!(dropped, 6);
    // Messages go on. They are of another sender, and open.
    town.relay.disconnect(town.phones[1].connection.unwrap());
    town.wait(1_000);
    town.say(0, "bob", "hello");
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].heard("alice").last().unwrap(), "hello");
}

#[test]
fn what_does_not_open_on_seven_days_is_dropped_and_a_jump_of_the_clock_drops_nothing() {
    let mut town = Town::of_two();
    town.relay.forget(&account("alice"));
    town.phones[0] = Phone::new("alice", 31);
    town.live(MINUTE_MS);
    town.say(0, "bob", "from a phone that Bob does not know");
    town.live(MINUTE_MS);
    let queued = |town: &Town| town.relay.queued(&account("bob"));
    assert_eq!(queued(&town), 1);
    let mut waits = vec![10 * DAY_MS];
    waits.resize(7, DAY_MS);
    for wait in waits {
        assert_eq!(queued(&town), 1);
        town.wait(wait);
        town.phones[1].restart();
        town.live(MINUTE_MS);
    }
    assert_eq!(queued(&town), 0);
    let dropped = town.phones[1].count(|event| matches!(event, Event::Dropped { .. }));
    assert_eq!(dropped, 1);
}

#[test]
fn a_clock_that_was_ahead_keeps_what_it_kept() {
    let mut town = Town::of_two();
    town.phones[1].ahead_ms = 365 * DAY_MS as i64;
    town.live(MINUTE_MS);
    deliver(&mut town, 1, 77, b"no delivery");
    assert!(is_put_off(&answers(&mut town, 1)[0]));
    town.phones[1].ahead_ms = 0;
    let phone = &mut town.phones[1];
    phone.restart();
    town.live(MINUTE_MS);
    deliver(&mut town, 1, 77, b"no delivery");
    assert!(is_put_off(&answers(&mut town, 1)[0]));
}

#[test]
fn frames_out_of_order_repeated_altered_or_dropped_end_the_connection() {
    for change in 0..4 {
        let mut town = Town::of_two();
        for text in ["one", "two", "three"] {
            town.say(0, "bob", text);
        }
        town.turn_of(0);
        let connection = town.phones[1].connection.unwrap();
        let mut frames = town.relay.frames(connection);
        assert_eq!(frames.len(), 4);
        match change {
            0 => frames.swap(1, 2),
            1 => frames[1] = frames[0].clone(),
            2 => frames[1][20] ^= 1,
            _ => drop(frames.remove(1)),
        }
        let (now, phone) = (town.now(), &mut town.phones[1]);
        phone.courier.deliver(&frames, now).unwrap();
        let before = connects(&town);
        // What was right before is stored, and nothing of the rest.
        assert_eq!(town.phones[1].heard("alice")[1..], ["one"], "{change}");
        town.live(MINUTE_MS);
        assert_eq!(connects(&town), before + 1);
        assert_eq!(town.phones[1].heard("alice")[1..], ["one", "two", "three"]);
        let told = town.phones[1].count(|event| matches!(event, Event::Message { .. }));
        assert_eq!(told, 3);
        assert_eq!(town.relay.queued(&account("bob")), 0);
    }
}

#[test]
fn a_connection_that_always_breaks_is_not_opened_without_end() {
    // It breaks before or after the relay says that it is caught up.
    for is_caught_up in [false, true] {
        let mut town = Town::registered(&["alice"]);
        town.relay.asked.clear();
        let end = town.now().as_millis() + MINUTE_MS;
        while town.now().as_millis() < end {
            let (now, phone) = (town.now(), &mut town.phones[0]);
            if let Some(connection) = phone.connection {
                town.relay.disconnect(connection);
            }
            while phone.step(&mut town.relay, now) {
                if let Some(connection) = phone.connection.filter(|_| !is_caught_up) {
                    town.relay.disconnect(connection);
                }
            }
            let next = phone.courier.wake_at(now).unwrap_or(now).as_millis();
            let next = next.clamp(now.as_millis() + 50, now.as_millis() + 200);
            town.relay.set_now(Timestamp::from_millis(next));
        }
        let made = connects(&town);
        let most = if is_caught_up { 4 * 60 } else { 12 };
        assert!(made > 5 && made <= most, "{is_caught_up}: {made}");
    }
}

#[test]
fn a_courier_that_does_not_listen_posts_and_does_not_connect() {
    let mut town = Town::of_two();
    town.phones[0].courier.listen(false);
    town.relay.disconnect(town.phones[0].connection.unwrap());
    town.relay.asked.clear();
    town.say(0, "bob", "only posted");
    town.live(HOUR_MS / 2);
    assert_eq!(connects(&town), 0);
    assert_eq!(town.phones[1].heard("alice")[1..], ["only posted"]);
    town.say(1, "alice", "answer");
    town.live(MINUTE_MS);
    town.phones[0].courier.listen(true);
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].heard("bob")[1..], ["answer"]);
    assert!(town.now() > NOW);
}
