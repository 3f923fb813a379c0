//! What strangers take of a store at their worst, by kind. `--nocapture` prints the figures.

use waxseal::reporting::ConversationId;
use waxseal::reporting::relay::Envelope;
use waxseal::{Content, MAX_REQUESTS};
use waxseal_world::{Provider, account};

use crate::support::{Device, Stranger, reference, store_len, tick, world};

const KIB: usize = 1_024;

/// Does something that makes the store grow.
type Attack = fn(&mut Stranger, &mut Provider, &mut Device);

fn send(stranger: &mut Stranger, world: &mut Provider, bob: &mut Device, content: Content) {
    let envelope = stranger.seal(content, world);
    stranger.deliver(world, bob, &envelope);
}

fn long(stranger: &mut Stranger, world: &mut Provider, bob: &mut Device) {
    for _ in 0..6 {
        send(stranger, world, bob, Content::Text("x".repeat(60_000)));
    }
    for _ in 0..40 {
        send(stranger, world, bob, Content::Text("x".repeat(500)));
    }
}

fn short(stranger: &mut Stranger, world: &mut Provider, bob: &mut Device) {
    for _ in 0..60 {
        send(stranger, world, bob, Content::Text("x".to_owned()));
    }
}

fn invitations(stranger: &mut Stranger, world: &mut Provider, bob: &mut Device) {
    for number in 0..60 {
        let title = "x".repeat(255);
        let group = ConversationId::from_bytes([number; 32]);
        send(stranger, world, bob, Content::Invitation { group, title });
    }
}

fn references(stranger: &mut Stranger, world: &mut Provider, bob: &mut Device) {
    for number in 0..60 {
        send(stranger, world, bob, reference(number));
    }
}

fn skipped_keys(stranger: &mut Stranger, world: &mut Provider, bob: &mut Device) {
    for _ in 0..8 {
        for _ in 0..400 {
            stranger.seal_control(world);
        }
        send(stranger, world, bob, Content::Text("x".to_owned()));
    }
}

fn sessions(stranger: &mut Stranger, world: &mut Provider, bob: &mut Device) {
    for _ in 0..80 {
        stranger.start_over(world);
        send(stranger, world, bob, Content::Text("x".to_owned()));
    }
}

fn tags(stranger: &mut Stranger, world: &mut Provider, bob: &mut Device) {
    for _ in 0..66 {
        let control = stranger.seal_control(world);
        stranger.deliver(world, bob, &control);
    }
}

fn unopened(stranger: &mut Stranger, world: &mut Provider, bob: &mut Device) {
    let bytes = stranger.seal_control(world).encode();
    spoil(stranger, world, bob, &bytes);
}

/// Deliveries of one envelope with other tags, none of which opens.
fn spoil(stranger: &Stranger, world: &mut Provider, bob: &mut Device, bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    for number in 0..34u64 {
        bytes[1..9].copy_from_slice(&number.to_be_bytes());
        tick(world);
        let envelope = Envelope::decode(&bytes).unwrap();
        let (delivery, _) = world.stamp_as(&stranger.device.me, bob.me(), &envelope);
        bob.receive(&delivery).unwrap_err();
    }
}

/// Each kind with its bound: the request, its rows, and what is noted besides.
const KINDS: [(&str, Attack, usize); 8] = [
    ("long messages", long, 296 * KIB),
    ("short messages", short, 32 * KIB),
    ("invitations", invitations, 64 * KIB),
    ("references", references, 64 * KIB),
    ("skipped keys", skipped_keys, 112 * KIB),
    ("sessions", sessions, 168 * KIB),
    ("tags that say nothing", tags, 24 * KIB),
    ("what does not open", unopened, 16 * KIB),
];

#[test]
fn a_stranger_at_its_worst_takes_what_the_specification_says() {
    for (name, attack, bound) in KINDS {
        let (mut world, mut bob) = world();
        let before = store_len(&bob);
        let mut mallory = Stranger::new(&mut world, "mallory");
        mallory.write(&mut world, &mut bob, "hello");
        attack(&mut mallory, &mut world, &mut bob);
        bob.upkeep(world.now, &mut world.rng).unwrap();
        let grown = store_len(&bob) - before;
        println!("one stranger, {name}: {grown} bytes");
        assert!(grown <= bound, "{name}: {grown}");
        // The same once more makes it hardly longer.
        attack(&mut mallory, &mut world, &mut bob);
        let more = store_len(&bob) - before;
        assert!(more <= bound, "{name}, again: {more}");
        bob.decline(&account("mallory"), world.now).unwrap();
        let left = store_len(&bob).saturating_sub(before);
        println!("    after it was declined: {left} bytes");
        assert!(left <= 8 * KIB, "{name}, declined: {left}");
    }
}

#[test]
fn all_kinds_together_take_no_more_than_a_request_and_its_notes() {
    let (mut world, mut bob) = world();
    let before = store_len(&bob);
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    // The sessions come last: with them, nothing else opens.
    for attack in [long, unopened, tags, invitations, references, sessions] {
        attack(&mut mallory, &mut world, &mut bob);
    }
    let grown = store_len(&bob) - before;
    println!("one stranger, all kinds: {grown} bytes");
    assert!(grown <= 296 * KIB, "{grown}");
}

#[test]
fn all_strangers_together_take_what_the_specification_says() {
    let (mut world, mut bob) = world();
    let before = store_len(&bob);
    // What does not open comes first: with 128 requests nothing of others is noted any more.
    let unheard = 512 - MAX_REQUESTS;
    for number in 0..unheard {
        let mut stranger = Stranger::new(&mut world, &format!("unheard {number}"));
        world.show_roster(&mut bob, &stranger.device.me.account);
        unopened(&mut stranger, &mut world, &mut bob);
    }
    let middle = store_len(&bob);
    let noted = middle - before;
    println!("{unheard} strangers, nothing opens: {noted} bytes");
    assert!(noted <= unheard * 8 * KIB, "{noted}");
    let mut strangers = Vec::new();
    for number in 0..MAX_REQUESTS {
        let mut stranger = Stranger::new(&mut world, &format!("stranger {number}"));
        stranger.write(&mut world, &mut bob, "hello");
        strangers.push(stranger);
    }
    for stranger in &mut strangers {
        for _ in 0..2 {
            stranger.write(&mut world, &mut bob, &"x".repeat(60_000));
        }
        tags(stranger, &mut world, &mut bob);
    }
    let asked = store_len(&bob) - middle;
    let requests = bob.requests(None, 999).unwrap().items;
    println!("{} requests: {asked} bytes", requests.len());
    assert_eq!(requests.len(), MAX_REQUESTS);
    assert!(asked <= 8 * KIB * KIB + MAX_REQUESTS * 40 * KIB, "{asked}");
    println!("all together: {} bytes", noted + asked);
    // Nothing of another one is noted.
    let full = store_len(&bob);
    let late = world.register_only("late");
    let bytes = strangers[0].seal_control(&mut world).encode();
    let envelope = Envelope::decode(&bytes).unwrap();
    let (delivery, _) = world.stamp_as(&late, bob.me(), &envelope);
    bob.receive(&delivery).unwrap();
    assert!(store_len(&bob) <= full + 16, "a counter");
    for request in requests {
        bob.decline(&request.account, world.now).unwrap();
    }
    let left = store_len(&bob).saturating_sub(middle);
    println!("    after all were declined: {left} bytes");
    assert!(left <= MAX_REQUESTS * KIB, "{left}");
}
