//! Nudges: when each appears, and that asking changes nothing.

use waxseal::{Draft, Nudge};
use waxseal_world::{Provider, account, snapshot};

use crate::support::{Stranger, world};

fn of(bob: &crate::support::Device, name: &str) -> Vec<Nudge> {
    bob.nudges(&account(name)).unwrap()
}

#[test]
fn each_nudge_appears_when_it_should_and_not_before() {
    let (mut world, mut bob) = world();
    let first = [Nudge::FirstContact, Nudge::NoSharedGroup];
    assert_eq!(of(&bob, "mallory"), first, "before anything came");
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    assert_eq!(of(&bob, "mallory"), first);
    mallory.write(&mut world, &mut bob, "see www.example.org");
    let with_link = [
        Nudge::FirstContact,
        Nudge::NoSharedGroup,
        Nudge::LinkInRequest,
    ];
    assert_eq!(of(&bob, "mallory"), with_link);
    bob.decline(&account("mallory"), world.now).unwrap();
    let declined = [
        Nudge::FirstContact,
        Nudge::NoSharedGroup,
        Nudge::DeclinedBefore,
    ];
    assert_eq!(of(&bob, "mallory"), declined);
    // The user writes after all.
    let mut alice = world.register("alice");
    world.start(&mut alice, &account("bob"));
    let often = Draft::from("they say").forwarded(4);
    world.exchange(&mut alice, &mut bob, often);
    assert_eq!(of(&bob, "alice"), first);
    let often = Draft::from("they say: www.example.org").forwarded(5);
    world.exchange(&mut alice, &mut bob, often);
    assert!(of(&bob, "alice").contains(&Nudge::OftenForwarded));
    world.exchange(&mut bob, &mut alice, "who?");
    assert_eq!(of(&bob, "alice"), [Nudge::OftenForwarded]);
}

#[test]
fn a_declined_account_that_was_accepted_since_is_not_told_of() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    bob.decline(&account("mallory"), world.now).unwrap();
    bob.accept_contact(&account("mallory")).unwrap();
    assert!(!of(&bob, "mallory").contains(&Nudge::DeclinedBefore));
}

/// One application asks for nudges at every step, another one never does.
#[test]
fn store_outbox_and_requests_are_the_same_with_and_without_asking() {
    let run = |asks: bool| {
        let (mut world, mut bob) = world();
        let ask = |bob: &crate::support::Device| {
            if asks {
                for name in ["mallory", "alice", "nobody"] {
                    of(bob, name);
                }
            }
        };
        let mut mallory = Stranger::new(&mut world, "mallory");
        let mut alice = world.register("alice");
        world.start(&mut alice, &account("bob"));
        for text in ["hello", "https://example.com", "and on"] {
            mallory.write(&mut world, &mut bob, text);
            ask(&bob);
            world.exchange(&mut alice, &mut bob, Draft::from(text).forwarded(9));
            ask(&bob);
        }
        end(world, bob, ask)
    };
    assert!(run(true) == run(false));
}

/// What the application's choices leave: the records, and what was posted.
fn end(
    mut world: Provider,
    mut bob: crate::support::Device,
    ask: impl Fn(&crate::support::Device),
) -> (waxseal_world::Records, Vec<Vec<u8>>) {
    let (now, rng) = (world.now, &mut world.rng);
    bob.accept_contact(&account("alice")).unwrap();
    ask(&bob);
    bob.decline(&account("mallory"), now).unwrap();
    ask(&bob);
    bob.send(&account("alice"), "thanks", now, rng).unwrap();
    ask(&bob);
    bob.upkeep(now, rng).unwrap();
    let outbox = bob.outbox(None, 99, now).unwrap().items;
    let posted = outbox.into_iter().map(|one| one.envelope).collect();
    (snapshot(&bob), posted)
}
