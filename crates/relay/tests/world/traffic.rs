//! Messages from many senders to devices that move between relays, whatever happens to these.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rand::RngExt;
use waxseal_interface::Event;
use waxseal_relay::Deliveries;
use waxseal_reporting::DeviceAddress;

use super::relays::Relays;
use super::{Device, SOON};

/// How long a device that moves stays at one relay.
const STAY: Duration = Duration::from_millis(300);
/// How long is waited before something is tried again.
const AGAIN: Duration = Duration::from_millis(20);

/// What a sender had acknowledged, or tried: how many messages for each recipient.
struct Sent {
    name: String,
    acknowledged: Vec<usize>,
}

/// What a recipient showed.
#[derive(Default)]
struct Shown {
    /// The texts, each once, in the order in which they were shown first.
    texts: Vec<String>,
    seen: BTreeSet<String>,
    /// The text under each number.
    numbers: BTreeMap<u64, String>,
    /// How many came under a number below one that came before.
    out_of_order: usize,
    /// How many came on a connection after they were shown.
    again: usize,
}

/// What all devices did.
#[derive(Debug)]
pub struct Outcome {
    pub acknowledged: usize,
    pub again: usize,
}

/// Lets these devices send to the others for this long, while `meanwhile` does what it wants to the
/// relays. Those that receive move between relays, but for the first one, which stays at relay 0.
///
/// # Panics
/// If a message is lost that was acknowledged, or comes out of order.
pub fn run(
    relays: &Relays,
    senders: &mut [Device],
    recipients: &[Device],
    lasting: Duration,
    meanwhile: impl FnOnce() + Send,
) -> Outcome {
    let (enough, no_more) = (AtomicBool::new(false), AtomicBool::new(false));
    let to: Vec<DeviceAddress> = recipients.iter().map(|to| to.me.clone()).collect();
    let (sent, shown) = scope(|scope| {
        let sending = senders.iter_mut().enumerate().map(|(at, device)| {
            let (home, to, enough) = (at % relays.count(), &to, &enough);
            scope.spawn(move || send(relays, device, home, to, enough))
        });
        let sending: Vec<_> = sending.collect();
        let receiving = recipients.iter().enumerate().map(|(at, device)| {
            let (moves, no_more) = (at > 0, &no_more);
            scope.spawn(move || receive(relays, device, moves, no_more))
        });
        let receiving: Vec<_> = receiving.collect();
        let began = Instant::now();
        meanwhile();
        sleep(lasting.saturating_sub(began.elapsed()));
        enough.store(true, Ordering::SeqCst);
        let sent: Vec<Sent> = sending.into_iter().map(|one| one.join().unwrap()).collect();
        no_more.store(true, Ordering::SeqCst);
        let shown = receiving.into_iter().map(|one| one.join().unwrap());
        (sent, shown.collect::<Vec<Shown>>())
    });
    for (to, shown) in shown.iter().enumerate() {
        assert_eq!(shown.out_of_order, 0, "recipient {to}: numbers fell");
        for from in &sent {
            let prefix = format!("{} ", from.name);
            let texts = shown.texts.iter().filter(|text| text.starts_with(&prefix));
            let texts: Vec<_> = texts.cloned().collect();
            let all = (0..from.acknowledged[to]).map(|number| format!("{prefix}{number}"));
            let all: Vec<_> = all.collect();
            assert_eq!(texts, all, "from {} to {to}", from.name);
        }
    }
    Outcome {
        acknowledged: sent.iter().flat_map(|one| &one.acknowledged).sum(),
        again: shown.iter().map(|one| one.again).sum(),
    }
}

/// Sends until it is enough. Each message is sent until it is acknowledged, at another relay after
/// each failure.
fn send(
    relays: &Relays,
    device: &mut Device,
    home: usize,
    to: &[DeviceAddress],
    enough: &AtomicBool,
) -> Sent {
    let name = device.me.account.as_str().to_owned();
    let mut acknowledged = vec![0; to.len()];
    let (mut client, mut turn) = (relays.client(home), 0);
    while !enough.load(Ordering::SeqCst) {
        let recipient = turn % to.len();
        let text = format!("{name} {}", acknowledged[recipient]);
        let (_, posted) = device.seal(&to[recipient], &text);
        let began = Instant::now();
        while let Err(error) = client.send(device.session(), &to[recipient].account, &posted) {
            assert!(error.is_transient(), "{error}");
            assert!(began.elapsed() < 3 * SOON, "{error}");
            sleep(AGAIN);
            client = relays.client(rand::rng().random_range(0..relays.count()));
        }
        acknowledged[recipient] += 1;
        turn += 1;
        if turn % 50 == 0 {
            client = relays.client(home);
        }
    }
    Sent { name, acknowledged }
}

/// Receives until there are no more.
fn receive(relays: &Relays, device: &Device, moves: bool, no_more: &AtomicBool) -> Shown {
    let mut shown = Shown::default();
    loop {
        // Before the connection begins, so that it shows all.
        let is_last = no_more.load(Ordering::SeqCst);
        let at = match moves {
            true => rand::rng().random_range(0..relays.count()),
            false => 0,
        };
        let Ok(deliveries) = relays.client(at).deliveries(device.session()) else {
            sleep(AGAIN);
            continue;
        };
        let stay = if moves { STAY } else { SOON };
        let caught_up = shown.take(device, deliveries, stay, is_last, no_more);
        if is_last && caught_up {
            return shown;
        }
    }
}

impl Shown {
    /// Shows and acknowledges what comes on a connection. Leaves without a word after a time, or
    /// once there are no more. Returns whether it was told that these are all.
    fn take(
        &mut self,
        device: &Device,
        mut deliveries: Deliveries,
        stay: Duration,
        is_last: bool,
        no_more: &AtomicBool,
    ) -> bool {
        let began = Instant::now();
        loop {
            match deliveries.next(Duration::from_millis(50)) {
                Ok(Some(Event::Delivery { id, delivery, .. })) => {
                    self.show(id, device.open(&delivery).0);
                    if deliveries.acknowledge(id).is_err() {
                        return false;
                    }
                }
                Ok(Some(Event::CaughtUp)) if is_last => {
                    deliveries.close();
                    return true;
                }
                Ok(Some(Event::QueueExpired { .. })) => panic!("nothing was dropped"),
                Ok(_) => {}
                Err(_) => return false,
            }
            let is_over = began.elapsed() > stay || no_more.load(Ordering::SeqCst);
            if !is_last && is_over {
                return false;
            }
        }
    }

    fn show(&mut self, number: u64, text: String) {
        if let Some(before) = self.numbers.get(&number) {
            assert_eq!(*before, text, "a number is given twice");
        } else if self
            .numbers
            .last_key_value()
            .is_some_and(|(last, _)| *last > number)
        {
            self.out_of_order += 1;
        }
        self.numbers.insert(number, text.clone());
        match self.seen.insert(text.clone()) {
            true => self.texts.push(text),
            false => self.again += 1,
        }
    }
}
