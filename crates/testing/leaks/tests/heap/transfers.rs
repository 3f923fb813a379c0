//! Two couriers send and save a file. After that, neither its keys nor its content may be in
//! memory.

use std::fs::{self, File};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use waxseal::courier::{Courier, Event, NewFile, Request};
use waxseal::{Conversation, MemoryStore};
use waxseal_leaks::secrets::Secrets;
use waxseal_world::{Relay, account, address};

use super::{HEAP, assert_gone};

/// A device with its connection to the relay.
struct Device {
    courier: Courier<MemoryStore>,
    connection: Option<u64>,
    events: Vec<Event>,
}

impl Device {
    fn new(name: &str, relay: &Relay, rng: &mut ChaCha20Rng) -> Self {
        let now = relay.provider.now;
        let courier = Courier::create(MemoryStore::new(), address(name), now, rng);
        Self {
            courier: courier.unwrap(),
            connection: None,
            events: Vec::new(),
        }
    }

    /// Does everything that there is to do now.
    fn turn(&mut self, relay: &mut Relay, rng: &mut ChaCha20Rng) {
        let now = relay.provider.now;
        for _ in 0..1_000 {
            match self.courier.next(now, rng).unwrap() {
                Some(Request::Call { id, http, .. }) => {
                    let answer = relay.send(&http);
                    self.courier.answer(id, answer, now, rng).unwrap();
                }
                Some(Request::Connect { id, http }) => {
                    let (answer, connection) = relay.open(&http);
                    self.connection = connection;
                    self.courier.answer(id, answer, now, rng).unwrap();
                }
                Some(Request::Frame(frame)) => {
                    relay.take(self.connection.unwrap(), &frame);
                }
                None => {
                    let frames = self.connection.map(|id| relay.frames(id));
                    let frames = frames.unwrap_or_default();
                    let is_quiet = frames.is_empty();
                    self.courier.deliver(&frames, now).unwrap();
                    // A file may be read now, which needs no relay.
                    let is_awake = self.courier.wake_at(now).is_some_and(|at| at <= now);
                    if is_quiet && !is_awake {
                        break;
                    }
                }
            }
        }
        self.events.append(&mut self.courier.events());
    }
}

#[test]
fn a_file_that_was_sent_and_saved_leaves_nothing_behind() {
    let from = HEAP.used();
    let directory = tempfile::tempdir().unwrap();
    let [sent, saved] = ["sent", "saved"].map(|name| directory.path().join(name));
    let mut secrets = Secrets::new();
    {
        // The content is written piece by piece, so that this test leaves nothing of it in memory.
        let mut file = File::create(&sent).unwrap();
        for piece in 0..9_000_u32 {
            let mut line = *b"0000000 what only the two of them may see\n";
            for (digit, place) in line.iter_mut().take(7).rev().zip(0..) {
                *digit = b'0' + (piece / 10_u32.pow(place) % 10) as u8;
            }
            std::io::Write::write_all(&mut file, &line).unwrap();
            if piece % 1_000 == 7 {
                secrets.add("content", &line[..32]);
            }
        }
    }
    let rng = &mut ChaCha20Rng::seed_from_u64(41);
    let mut relay = Relay::new(7);
    relay.claimed_prekeys = 97;
    let mut alice = Device::new("alice", &relay, rng);
    let mut bob = Device::new("bob", &relay, rng);
    let turn = |relay: &mut Relay, alice: &mut Device, bob: &mut Device, rng: &mut ChaCha20Rng| {
        for _ in 0..6 {
            alice.turn(relay, rng);
            bob.turn(relay, rng);
        }
    };
    turn(&mut relay, &mut alice, &mut bob, rng);
    let (now, source) = (relay.provider.now, Box::new(File::open(&sent).unwrap()));
    let file = NewFile::default();
    let sending = alice
        .courier
        .send_file(account("bob"), "look", file, source, now, rng);
    sending.unwrap();
    turn(&mut relay, &mut alice, &mut bob, rng);
    let from_alice = Conversation::from(account("alice"));
    let client = bob.courier.client();
    let messages = client.messages(&from_alice, None, 9).unwrap().items;
    let message = messages.iter().find(|one| !one.attachments().is_empty());
    let message = message.unwrap();
    let attached = message.attachments()[0].file().unwrap();
    secrets.add("file key", attached.key().as_bytes());
    for index in 0..attached.descriptor().shape().chunk_count() {
        let chunk_key = attached.key().chunk_key(index);
        secrets.add("chunk key", chunk_key.as_bytes());
    }
    let options = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&saved);
    let target = Box::new(options.unwrap());
    bob.courier.accept_contact(&account("alice")).unwrap();
    let saving = bob.courier.save_file(&from_alice, message.id(), 0, target);
    saving.unwrap();
    drop(messages);
    turn(&mut relay, &mut alice, &mut bob, rng);
    let is_saved = |event: &Event| matches!(event, Event::FileSaved { .. });
    assert!(bob.events.iter().any(is_saved), "{:?}", bob.events);
    let len = |path| fs::metadata(path).unwrap().len();
    assert_eq!(len(&sent), len(&saved));
    drop((alice, bob, relay));
    assert_gone(&secrets, from);
}
