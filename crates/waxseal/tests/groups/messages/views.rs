//! Views in a group: every member shows the same, in whatever order messages arrive.

use rand::SeedableRng;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha20Rng;
use waxseal::errors::{ReferenceError, SendError};
use waxseal::reporting::message::Content;
use waxseal::view::ViewState;
use waxseal::{DeviceAddress, Draft, FrankingTag};
use waxseal_world::{account, snapshot};

use crate::support::first;
use crate::talk::Talk;

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// What a device shows of some messages.
fn shown(talk: &mut Talk, device: &DeviceAddress, ids: &[FrankingTag]) -> Vec<String> {
    let (group, now) = (talk.group, talk.net.world.now);
    let client = talk.client(device);
    let line = |id: &FrankingTag| {
        let view = client.view(group, id, now).unwrap().unwrap();
        let state = match view.state() {
            ViewState::Deleted { by } => format!("deleted by {}", by.account.as_str()),
            _ => view.text().unwrap_or("-").to_owned(),
        };
        let reactions = view.reactions().iter();
        let reactions: Vec<_> = reactions
            .map(|one| format!(" {}:{}", one.account.as_str(), *one.reaction))
            .collect();
        format!("{state} {}{}", view.edit_count(), reactions.concat())
    };
    ids.iter().map(line).collect()
}

fn say(talk: &mut Talk, name: &str, draft: Draft) -> FrankingTag {
    let outgoing = talk.seal(&first(name), draft);
    talk.post(&first(name), &outgoing);
    outgoing.id
}

#[test]
fn every_member_shows_the_same_in_any_order() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for round in 0..4 {
        let mut talk = Talk::of(&NAMES);
        for name in NAMES {
            talk.say_all(name, "hello");
        }
        let mut ids = Vec::new();
        for (name, text) in [("alice", "one"), ("bob", "two"), ("alice", "three")] {
            ids.push(say(&mut talk, name, text.into()));
            // The authors and those who react have them.
            for name in ["alice", "bob"] {
                talk.deliver(&first(name));
            }
        }
        for number in 0..3 {
            let text = format!("edited {number}");
            say(&mut talk, "alice", Draft::edit(ids[0], text.as_str()));
            say(&mut talk, "bob", Draft::edit(ids[1], text.as_str()));
            say(&mut talk, "bob", Draft::react(ids[0], text.as_str()));
            say(&mut talk, "alice", Draft::react(ids[0], text.as_str()));
        }
        let after_secs = 60 + round;
        say(&mut talk, "bob", Draft::new(Content::Timer { after_secs }));
        say(&mut talk, "alice", Draft::delete(ids[2]));
        for name in ["carol", "dave"] {
            if let Some(queue) = talk.queues.get_mut(&first(name)) {
                queue.make_contiguous().shuffle(&mut rng);
            }
        }
        talk.run();
        let expected = [
            "edited 2 3 alice:edited 2 bob:edited 2",
            "edited 2 3",
            "deleted by alice 0",
        ];
        for name in NAMES {
            assert_eq!(shown(&mut talk, &first(name), &ids), expected, "{name}");
            let group = talk.group;
            assert_eq!(talk.client(&first(name)).timer(group).unwrap(), after_secs);
        }
        let refused = talk.try_seal(&first("carol"), Draft::edit(ids[0], "forged"));
        let refused = refused.map(drop).unwrap_err();
        assert!(matches!(
            refused,
            SendError::Reference(ReferenceError::NotOwn)
        ));
    }
}

#[test]
fn chk567_the_edit_of_a_message_that_is_dropped_in_a_group_goes_with_it() {
    let mut talk = Talk::of(&NAMES);
    talk.say_all("alice", "hello");
    let base = say(&mut talk, "alice", "base".into());
    say(&mut talk, "alice", Draft::edit(base, "SECRET"));
    let bob = first("bob");
    let has = |talk: &mut Talk| {
        let rows = snapshot(talk.client(&bob)).into_iter();
        let mut values = rows.map(|(_, value)| value);
        values.any(|value| value.windows(6).any(|window| window == b"SECRET"))
    };
    // The edit comes first, and then the account is blocked.
    let queued = talk.queues.get_mut(&bob).unwrap().pop_front().unwrap();
    talk.deliver(&bob);
    assert!(has(&mut talk));
    talk.client(&bob).block(&account("alice"), true).unwrap();
    talk.queues
        .entry(bob.clone())
        .or_default()
        .push_back(queued);
    talk.deliver(&bob);
    let now = talk.net.world.now;
    let expiry = talk.client(&bob).expire(now, 10).unwrap();
    assert_eq!(expiry.next, None);
    assert!(!has(&mut talk));
}

#[test]
fn a_message_to_a_group_disappears_on_each_device_after_it_was_read_there() {
    let mut talk = Talk::of(&NAMES);
    talk.say_all("alice", "hello");
    let draft = Draft::from("gone soon").expires_after_secs(60);
    let id = say(&mut talk, "alice", draft);
    talk.run();
    let (group, now) = (talk.group, talk.net.world.now);
    talk.client(&first("bob")).opened(group, &id, now).unwrap();
    let expires_at = |talk: &mut Talk, name: &str| {
        let client = talk.client(&first(name));
        let view = client.view(group, &id, now).unwrap().unwrap();
        view.expires_at().map(|at| at.as_millis() - now.as_millis())
    };
    assert_eq!(expires_at(&mut talk, "bob"), Some(60_000));
    assert_eq!(expires_at(&mut talk, "carol"), None);
    assert!(expires_at(&mut talk, "alice").is_some_and(|left| left <= 60_000));
}
