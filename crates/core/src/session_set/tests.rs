use super::*;
use crate::limits::MAX_SESSIONS as MAX;
use crate::tests::support::{Device, edit, rng};

struct Party {
    device: Device,
    memory: ReplayMemory,
    sessions: Option<SessionSet>,
}

impl Party {
    fn new(seed: u64) -> Self {
        Self {
            device: Device::new(seed),
            memory: ReplayMemory::new(),
            sessions: None,
        }
    }

    fn start(&mut self, peer: &Device, one_time: Option<usize>, seed: u64) {
        let mut rng = rng(seed);
        let bundle = peer.bundle(one_time);
        match &mut self.sessions {
            None => {
                self.sessions =
                    Some(SessionSet::initiate(&self.device.identity, bundle, &mut rng).unwrap())
            }
            Some(sessions) => sessions
                .add_initiated(&self.device.identity, bundle, &mut rng)
                .unwrap(),
        }
    }

    fn send(&mut self, text: &[u8]) -> Vec<u8> {
        self.sessions
            .as_mut()
            .unwrap()
            .encrypt(text, b"", &mut rng(text.len() as u64))
            .unwrap()
    }

    fn receive(&mut self, message: &[u8]) -> Result<Vec<u8>, DecryptError> {
        let Device {
            identity, prekeys, ..
        } = &mut self.device;
        let memory = &mut self.memory;
        match &mut self.sessions {
            Some(sessions) => sessions
                .decrypt(identity, prekeys, memory, message, b"")
                .map(|text| text.to_vec()),
            None => {
                let (sessions, text) = SessionSet::accept(identity, prekeys, memory, message, b"")?;
                self.sessions = Some(sessions);
                Ok(text.to_vec())
            }
        }
    }

    fn refused(&mut self, message: &[u8]) -> DecryptError {
        let state = |party: &Self| {
            (
                party.sessions.as_ref().unwrap().export(),
                party.device.prekeys.export(),
                party.memory.export(),
            )
        };
        let before = state(self);
        let error = self.receive(message).unwrap_err();
        assert_eq!(state(self), before, "the state has changed");
        error
    }

    fn sends_on(&self) -> DhPublicKey {
        *self.sessions.as_ref().unwrap().sending.base_key()
    }
}

use crate::dh::DhPublicKey;

mod left;
mod parts;

#[test]
fn both_sides_starting_at_once_come_to_one_session() {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    a.start(&b.device, Some(0), 10);
    b.start(&a.device, Some(0), 11);
    let (from_a, from_b) = (a.send(b"from a"), b.send(b"from b"));
    assert_eq!(a.receive(&from_b).unwrap(), b"from b");
    assert_eq!(b.receive(&from_a).unwrap(), b"from a");
    let (from_a, from_b) = (a.send(b"a again"), b.send(b"b again"));
    assert_eq!(a.receive(&from_b).unwrap(), b"b again");
    assert_eq!(b.receive(&from_a).unwrap(), b"a again");
    assert_eq!(a.sends_on(), b.sends_on());
}

#[test]
fn an_initiation_that_arrives_late_does_not_split_the_two() {
    // a starts twice, and the second start arrives first. b then sends on the first session and a
    // on the second, until they hear each other.
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    a.start(&b.device, Some(0), 10);
    let first = a.send(b"first");
    a.start(&b.device, Some(1), 11);
    let second = a.send(b"second");
    b.receive(&second).unwrap();
    b.receive(&first).unwrap();
    let reply = b.send(b"reply");
    a.receive(&reply).unwrap();
    let answer = a.send(b"answer");
    b.receive(&answer).unwrap();
    assert_eq!(a.sends_on(), b.sends_on());
}

#[test]
fn a_session_the_peer_cannot_accept_does_not_stick() {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    a.start(&b.device, None, 10);
    b.device
        .prekeys
        .rotate(&b.device.identity, &mut rng(1))
        .unwrap();
    b.device
        .prekeys
        .rotate(&b.device.identity, &mut rng(2))
        .unwrap();
    let lost = a.send(b"lost");
    assert_eq!(b.receive(&lost), Err(DecryptError::UnknownPreKey));
    b.start(&a.device, Some(0), 11);
    let message = b.send(b"hello");
    a.receive(&message).unwrap();
    let answer = a.send(b"answer");
    assert_eq!(b.receive(&answer).unwrap(), b"answer");
    assert_eq!(a.sends_on(), b.sends_on());
}

#[test]
fn a_peer_that_lost_its_state_is_followed_and_late_messages_do_not_lead_back() {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    a.start(&b.device, Some(0), 10);
    let first = a.send(b"first");
    b.receive(&first).unwrap();
    let reply = b.send(b"reply");
    a.receive(&reply).unwrap();
    let late = a.send(b"late");
    a.sessions = None;
    a.start(&b.device, Some(1), 11);
    let fresh = a.send(b"fresh");
    b.receive(&fresh).unwrap();
    assert_eq!(b.receive(&late).unwrap(), b"late");
    let answer = b.send(b"answer");
    assert_eq!(a.receive(&answer).unwrap(), b"answer");
    assert_eq!(a.sends_on(), b.sends_on());
}

#[test]
fn chk34_another_identity_is_refused() {
    let (mut a, mut b, mut c) = (Party::new(1), Party::new(2), Party::new(3));
    a.start(&b.device, Some(0), 10);
    let first = a.send(b"first");
    b.receive(&first).unwrap();
    c.start(&b.device, Some(1), 11);
    let message = c.send(b"I am a");
    assert_eq!(b.refused(&message), DecryptError::IdentityChanged);
    let bundle = c.device.bundle(Some(0));
    let before = a.sessions.as_ref().unwrap().export();
    let result =
        a.sessions
            .as_mut()
            .unwrap()
            .add_initiated(&a.device.identity, bundle, &mut rng(1));
    assert_eq!(result, Err(HandshakeError::IdentityChanged));
    assert_eq!(a.sessions.as_ref().unwrap().export(), before);
}

#[test]
fn chk17_reflected_initial_message_is_refused() {
    let (mut a, b) = (Party::new(1), Party::new(2));
    a.start(&b.device, Some(0), 10);
    let first = a.send(b"first");
    assert_eq!(a.refused(&first), DecryptError::OwnIdentity);
}

#[test]
fn chk15_every_way_in_limits_the_associated_data() {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    a.start(&b.device, Some(0), 10);
    let max = crate::limits::MAX_ASSOCIATED_DATA_LEN;
    let long = vec![7; max + 1];
    let too_long = DecryptError::AssociatedDataTooLong { len: max + 1, max };
    let message = a.send(b"first");
    let Device {
        identity, prekeys, ..
    } = &mut b.device;
    let memory = &mut ReplayMemory::new();
    let accepted = Session::accept(identity, prekeys, memory, &message, &long).map(|_| ());
    assert_eq!(accepted, Err(too_long));
    let accepted = SessionSet::accept(identity, prekeys, memory, &message, &long).map(|_| ());
    assert_eq!(accepted, Err(too_long));
    let (mut sessions, _) = SessionSet::accept(identity, prekeys, memory, &message, b"").unwrap();
    assert_eq!(
        sessions.decrypt(identity, prekeys, memory, &message, &long),
        Err(too_long)
    );
}

#[test]
fn chk35_repeated_handshake_makes_no_second_session() {
    for one_time in [Some(0), None] {
        let (mut a, mut b) = (Party::new(1), Party::new(2));
        a.start(&b.device, one_time, 10);
        let (first, second) = (a.send(b"first"), a.send(b"second"));
        b.receive(&second).unwrap();
        assert_eq!(b.receive(&first).unwrap(), b"first");
        assert_eq!(b.sessions.as_ref().unwrap().count(), 1);
        assert_eq!(b.refused(&first), DecryptError::AlreadyReceived);
        let altered = edit(&first, |message| message.body[0] ^= 1);
        b.refused(&altered);
    }
}

#[test]
fn chk36_one_session_too_many_drops_the_oldest() {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    a.device
        .prekeys
        .replenish(&a.device.identity, 10, &mut rng(1))
        .unwrap();
    let mut messages = Vec::new();
    for seed in 0..=5 {
        a.start(&b.device, None, 20 + seed);
        messages.push(a.send(b"start"));
        if seed == 4 {
            assert_eq!(a.sessions.as_ref().unwrap().count(), MAX);
        }
    }
    assert_eq!(a.sessions.as_ref().unwrap().count(), MAX);
    for message in &messages {
        b.receive(message).unwrap();
    }
    let sessions = b.sessions.as_ref().unwrap();
    assert_eq!(sessions.count(), MAX);
    assert_eq!(
        sessions.dh_ratchet_steps(),
        6,
        "steps of the dropped session do not count"
    );
    // The handshake of the dropped session is still remembered, although the session is gone.
    assert_eq!(
        b.refused(&messages[0]),
        DecryptError::ReplayedInitialMessage
    );
}

#[test]
fn export_round_trips_and_refuses_everything_else() {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    a.start(&b.device, Some(0), 10);
    b.start(&a.device, Some(0), 11);
    let from_b = b.send(b"from b");
    a.receive(&from_b).unwrap();
    let sessions = a.sessions.as_ref().unwrap();
    let export = sessions.export();
    let read = SessionSet::import(&export).unwrap();
    assert_eq!(read.export(), export);
    assert_eq!(read.peer(), sessions.peer());
    for len in 0..export.len() {
        assert!(SessionSet::import(&export[..len]).is_err(), "cut at {len}");
    }
    assert!(SessionSet::import(&[export.as_slice(), &[0]].concat()).is_err());
    let none = [&[1], [0; 28].as_slice()].concat();
    assert!(SessionSet::import(&none).is_err(), "no session at all");
    // Now put two sessions into one set: first with the same base key, then with the same peer,
    // then with different peers.
    let mut c = Party::new(3);
    c.start(&a.device, Some(1), 12);
    let foreign = c.sessions.as_ref().unwrap().export();
    let mut mixed = [&foreign[..], &foreign[29..]].concat();
    mixed[28] = 2;
    let twice = SessionSet::import(&mixed).err();
    assert_eq!(
        twice,
        Some(crate::errors::DecodeError::Malformed),
        "two sessions share a base key"
    );
    let mut again = Party::new(3);
    again.start(&a.device, Some(1), 14);
    let again = again.sessions.unwrap().export();
    mixed.splice(foreign.len().., again[29..].to_vec());
    assert!(SessionSet::import(&mixed).is_ok());
    let own = Party::new(2);
    c.sessions = None;
    c.start(&own.device, Some(0), 13);
    mixed.splice(foreign.len().., c.sessions.unwrap().export()[29..].to_vec());
    assert_eq!(
        SessionSet::import(&mixed).err(),
        Some(crate::errors::DecodeError::Malformed)
    );
}

#[test]
fn a_session_is_established_once_the_peer_has_answered_on_it() {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    let established = |party: &Party| party.sessions.as_ref().unwrap().is_established();
    a.start(&b.device, Some(0), 10);
    let first = a.send(b"first");
    b.receive(&first).unwrap();
    assert_eq!((established(&a), established(&b)), (false, true));
    let answer = b.send(b"answer");
    a.receive(&answer).unwrap();
    assert!(established(&a));
    a.start(&b.device, None, 11);
    assert!(!established(&a), "another session");
}

#[test]
fn debug_shows_public_parts_only() {
    let (mut a, b) = (Party::new(1), Party::new(2));
    a.start(&b.device, Some(0), 10);
    let expected = format!(
        "SessionSet {{ peer: {:?}, count: 1, is_established: false, .. }}",
        b.device.identity.public()
    );
    assert_eq!(format!("{:?}", a.sessions.unwrap()), expected);
}
