//! Tokens, the budget of strangers and passes, as a courier meets them.

use waxseal::reporting::ConversationId;
use waxseal_interface::{ContactToken, Event, FrameMacs, NONCE_HEADER, decode_nonce};
use waxseal_roster::group::{AuthoritySeed, GroupId, GroupOp, Role};

use super::*;

impl Town {
    fn post_with(
        &mut self,
        from: &str,
        to: &str,
        contact: ContactHeaders,
    ) -> Result<(), Box<ErrorBody>> {
        let me = at(from, 1);
        let (now, rng) = (self.relay.provider.now, &mut self.relay.provider.rng);
        let client = self.clients.get_mut(&me).unwrap();
        let posted = client
            .send(&account(to), "hello", now, rng)
            .unwrap()
            .envelope;
        let request = Request::Post {
            recipient: account(to),
            posted,
            mark: None,
            contact,
        };
        self.of(&me, &request).map(|_| ())
    }

    /// The tokens with which messages wait for a device.
    fn contact_tokens(&mut self, me: &DeviceAddress) -> Vec<Option<ContactToken>> {
        let token = self.tokens[me].clone();
        let rng = &mut self.relay.provider.rng;
        let (request, asked) = Request::Deliveries.ask(Some(&token), rng).unwrap();
        let (answer, connection) = self.relay.connect(&request);
        let nonce = answer.header(NONCE_HEADER).and_then(decode_nonce).unwrap();
        let key = self.clients[me].delivery_key();
        let mut macs = FrameMacs::of_device(key, &asked, &nonce);
        let frames = self.relay.frames(connection.unwrap());
        let events = frames
            .iter()
            .map(|frame| Event::decode(macs.open(frame).unwrap()));
        let tokens = events.filter_map(|event| match event.unwrap() {
            Event::Delivery { contact, .. } => Some(contact),
            _ => None,
        });
        tokens.collect()
    }
}

const NOTHING: ContactHeaders = ContactHeaders {
    accepts: false,
    token: None,
    pass: None,
};

#[test]
fn a_stranger_costs_the_budget_and_a_token_or_pass_does_not() {
    let mut town = Town::new();
    let (alice, bob) = (at("alice", 1), at("bob", 1));
    town.start(&alice, "bob");
    town.start(&bob, "alice");
    town.relay.limit_strangers(0, Some("https://relay.example"));
    let refused = town.post_with("alice", "bob", NOTHING).unwrap_err();
    assert_eq!(refused.error, ErrorCode::StrangerBudget);
    assert_eq!(refused.challenge.unwrap().as_str(), "https://relay.example");
    assert!(refused.retry_after_secs.is_some());
    // A pass, once.
    let pass = town.relay.pass(&account("alice"));
    let with_pass = ContactHeaders {
        accepts: true,
        pass: Some(pass),
        ..NOTHING
    };
    town.post_with("alice", "bob", with_pass).unwrap();
    // Alice wrote to Bob already, and accepted him.
    town.post_with("alice", "bob", NOTHING).unwrap();
    let [Some(token), None] = town.contact_tokens(&bob)[..] else {
        panic!("one token")
    };
    assert_eq!(token, town.relay.token(&account("bob"), &account("alice")));
    // Bob answers at no cost for seven days, because Alice paid, and with the token for longer.
    town.post_with("bob", "alice", NOTHING).unwrap();
    town.set_now(7 * DAY_MS);
    for me in [&alice, &bob] {
        town.register(me, None).unwrap();
    }
    let refused = town.post_with("bob", "alice", NOTHING);
    assert_eq!(code(refused), ErrorCode::StrangerBudget);
    let with_token = ContactHeaders {
        token: Some(token),
        ..NOTHING
    };
    town.post_with("bob", "alice", with_token).unwrap();
    // The token ends, and so do the 24 hours.
    town.set_now(28 * DAY_MS);
    town.register(&alice, None).unwrap();
    town.register(&bob, None).unwrap();
    for (from, to, contact) in [("bob", "alice", with_token), ("alice", "bob", with_pass)] {
        let refused = town.post_with(from, to, contact);
        assert_eq!(code(refused), ErrorCode::StrangerBudget, "{from}");
    }
}

#[test]
fn an_account_that_an_entry_adds_costs_what_a_message_to_it_costs() {
    let mut town = Town::new();
    town.relay.limit_strangers(0, None);
    let rng = &mut town.relay.provider.rng;
    let seed = AuthoritySeed::generate(rng);
    let key = |name: &str| {
        let roster = town.relay.provider.newest_roster(&account(name));
        *roster.unwrap().account_key()
    };
    let ops = [
        GroupOp::add("alice", Role::Admin, key("alice")),
        GroupOp::add("bob", Role::Member, key("bob")),
    ];
    let at_ms = town.relay.provider.now.as_millis();
    let entry = seed.create_group("alice", &ops, at_ms).unwrap();
    let token = town.relay.token(&account("alice"), &account("bob"));
    let mut put = |tokens: Vec<Option<ContactToken>>| {
        let request = Request::PutGroup {
            group: ConversationId::from_bytes(GroupId::of_authority(&seed.public()).to_bytes()),
            entry: entry.encode(),
            tokens,
        };
        town.of(&at("alice", 1), &request).map(|_| ())
    };
    assert_eq!(code(put(Vec::new())), ErrorCode::StrangerBudget);
    let other = ContactToken::from_bytes([1; 36]);
    assert_eq!(
        code(put(vec![None, Some(other)])),
        ErrorCode::StrangerBudget
    );
    put(vec![None, Some(token)]).unwrap();
}
