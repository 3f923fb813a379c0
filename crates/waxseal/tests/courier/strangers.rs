//! How many strangers an account may write to, and who is none.

use waxseal::courier::Event;
use waxseal::{FrankingTag, Status};
use waxseal_interface::ContactPass;
use waxseal_world::{Asked, account};

use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

fn status(town: &Town, to: &str, id: &FrankingTag) -> Status {
    let client = town.phones[0].courier.client();
    let message = client.message(account(to), id).unwrap().unwrap();
    message.status().unwrap()
}

/// The challenges that Alice was told, each with the account that she wrote to.
fn told(town: &Town) -> Vec<(String, Option<String>)> {
    let events = town.phones[0].events.iter();
    let told = events.filter_map(|event| match event {
        Event::StrangerBudget { to, challenge, .. } => {
            Some((to.as_str().to_owned(), challenge.clone()))
        }
        _ => None,
    });
    told.collect()
}

fn posts<'a>(town: &'a Town, to: &str) -> impl Iterator<Item = &'a Asked> {
    let path = format!("/v1/messages/{to}");
    let asked = town.relay.asked.iter();
    asked.filter(move |asked| asked.is("POST", &path))
}

#[test]
fn a_message_to_a_stranger_beyond_the_budget_waits_and_holds_up_no_other() {
    let mut town = Town::registered(&NAMES);
    town.relay
        .limit_strangers(2, Some("https://relay.example/human"));
    for name in ["bob", "carol"] {
        town.say(0, name, "hello");
        town.turn();
    }
    let late = town.say(0, "dave", "hello");
    let friend = town.say(0, "bob", "still there?");
    town.live(10 * MINUTE_MS);
    assert_eq!(status(&town, "dave", &late), Status::Waiting);
    assert_eq!(status(&town, "bob", &friend), Status::Accepted);
    let challenge = Some("https://relay.example/human".to_owned());
    assert_eq!(told(&town), [("dave".to_owned(), challenge)], "told once");
    // It goes out when the day is over.
    town.live(DAY_MS + HOUR_MS);
    assert_eq!(status(&town, "dave", &late), Status::Accepted);
    assert_eq!(told(&town).len(), 1);
}

#[test]
fn chk594_whoever_answered_is_no_stranger_any_more() {
    let mut town = Town::registered(&NAMES);
    town.relay.limit_strangers(1, None);
    town.say(0, "bob", "hello");
    town.turn();
    town.say(1, "alice", "hello yourself");
    town.turn();
    town.live(2 * DAY_MS);
    // Alice spends her budget, and still can write to Bob, after a restart too.
    town.say(0, "carol", "hello");
    town.turn();
    town.phones[0].restart();
    let id = town.say(0, "bob", "and on");
    town.live(MINUTE_MS);
    assert_ne!(status(&town, "bob", &id), Status::Waiting);
    assert!(told(&town).is_empty());
    // The token of a later epoch replaces it.
    let (alice, bob) = (account("alice"), account("bob"));
    let first = town.relay.token(&alice, &bob);
    town.live(30 * DAY_MS);
    town.say(1, "alice", "are you well?");
    town.live(MINUTE_MS);
    let now = town.relay.token(&alice, &bob);
    let last = town.say(0, "bob", "I am");
    town.live(MINUTE_MS);
    assert_ne!(status(&town, "bob", &last), Status::Waiting);
    let shown = posts(&town, "bob").filter_map(|asked| asked.contact.token);
    assert_eq!(shown.last(), Some(now));
    assert!(now.epoch() > first.epoch());
}

#[test]
fn whoever_answered_is_brought_into_a_group_at_no_cost() {
    let mut town = Town::registered(&NAMES);
    town.relay.limit_strangers(1, None);
    for (at, name) in [(1, "bob"), (2, "carol")] {
        town.say(0, name, "hello");
        town.turn();
        town.say(at, "alice", "hello yourself");
        town.turn();
        town.live(2 * DAY_MS);
    }
    // Alice spends her budget.
    town.say(0, "dave", "hello");
    town.turn();
    let group = town.found(0);
    town.bring_in(0, &group, "bob", 1);
    town.bring_in(0, &group, "carol", 2);
    assert_eq!(town.phones[2].members(&group), ["alice", "bob", "carol"]);
    assert!(told(&town).is_empty());
}

#[test]
fn chk594_a_token_of_a_clock_that_was_ahead_is_replaced() {
    let mut town = Town::registered(&NAMES);
    town.relay.limit_strangers(1, None);
    for days_ahead in [400, 0] {
        town.relay.set_token_days_ahead(days_ahead);
        town.say(0, "bob", "hello");
        town.turn();
        town.say(1, "alice", "hello yourself");
        town.turn();
    }
    let given = town.relay.token(&account("alice"), &account("bob"));
    town.live(2 * DAY_MS);
    town.say(0, "carol", "hello");
    town.turn();
    let id = town.say(0, "bob", "and on");
    town.live(MINUTE_MS);
    assert_ne!(status(&town, "bob", &id), Status::Waiting);
    let shown = posts(&town, "bob").filter_map(|asked| asked.contact.token);
    assert_eq!(shown.last(), Some(given));
}

#[test]
fn chk595_receipts_and_refusals_give_nobody_a_token() {
    let mut town = Town::registered(&NAMES);
    town.say(0, "bob", "hello");
    town.turn();
    town.accept(1, "alice");
    town.say(0, "bob", "are you there?");
    town.live(HOUR_MS);
    // Bob told that it arrived, and wrote nothing.
    assert!(posts(&town, "alice").count() > 0);
    let accepts = |asked: &Asked| asked.contact.accepts;
    assert!(!posts(&town, "alice").any(accepts));
    town.say(1, "alice", "I am");
    town.turn();
    assert_eq!(
        posts(&town, "alice").filter(|asked| accepts(asked)).count(),
        1
    );
}

#[test]
fn chk596_a_pass_goes_only_with_a_message_that_was_refused_and_lifts_the_limit_once() {
    let mut town = Town::registered(&NAMES);
    town.relay.limit_strangers(1, Some("prove it"));
    town.say(0, "bob", "hello");
    town.turn();
    let [carol, dave] = ["carol", "dave"].map(|name| town.say(0, name, "hello"));
    town.live(MINUTE_MS);
    assert_eq!(told(&town).len(), 2);
    assert!(!town.phones[0].courier.answer_challenge("no pass"));
    let pass = town.relay.pass(&account("alice")).to_text();
    assert!(
        town.phones[0]
            .courier
            .answer_challenge(&format!(" {pass}\n"))
    );
    town.relay.asked.clear();
    town.say(0, "bob", "still there?");
    town.live(2 * MINUTE_MS);
    assert!(posts(&town, "bob").all(|asked| asked.contact.pass.is_none()));
    let went = [("carol", &carol), ("dave", &dave)]
        .map(|(name, id)| status(&town, name, id) == Status::Accepted);
    assert_eq!(went.iter().filter(|went| **went).count(), 1, "{went:?}");
    let before = told(&town).len();
    // The same pass does nothing again, and the user is told once more.
    assert!(town.phones[0].courier.answer_challenge(&pass));
    town.live(2 * MINUTE_MS);
    assert_eq!(told(&town).len(), before + 1);
    let forged = ContactPass::from_bytes([7; 40]).to_text();
    assert!(town.phones[0].courier.answer_challenge(&forged));
    town.live(2 * MINUTE_MS);
    assert_eq!(told(&town).len(), before + 2);
    let pass = town.relay.pass(&account("alice")).to_text();
    assert!(town.phones[0].courier.answer_challenge(&pass));
    town.live(2 * MINUTE_MS);
    for (name, id) in [("carol", &carol), ("dave", &dave)] {
        assert_eq!(status(&town, name, id), Status::Accepted);
    }
}
