//! Megolm of vodozemac: a group session of the writer, whose key travels in Olm sessions.
//!
//! Messages are in vodozemac's byte encoding, without the JSON and base64 of Matrix.

use vodozemac::Curve25519PublicKey;
use vodozemac::megolm::{
    GroupSession, InboundGroupSession, MegolmMessage, SessionConfig, SessionKey,
};
use vodozemac::olm::{self, Account, Message, OlmMessage, PreKeyMessage, Session};

use super::{Circle, Parts};

pub(super) struct Megolm {
    writer: Account,
    reader: Account,
    group: GroupSession,
    /// The writer's sessions with all devices. The first is the reader's.
    sessions: Vec<Session>,
    readers_session: Session,
    /// Identity key and one-time key of each device.
    published: Vec<[[u8; 32]; 2]>,
    inbound: Option<InboundGroupSession>,
}

fn account_with_key() -> (Account, [[u8; 32]; 2]) {
    let mut account = Account::new();
    let published = publish(&mut account);
    (account, published)
}

fn publish(account: &mut Account) -> [[u8; 32]; 2] {
    let one_time = account.generate_one_time_keys(1).created;
    let one_time = one_time.first().expect("one was asked for").to_bytes();
    account.mark_keys_as_published();
    [account.curve25519_key().to_bytes(), one_time]
}

fn start(writer: &Account, published: &[[u8; 32]; 2]) -> Session {
    let [identity, one_time] = published.map(Curve25519PublicKey::from_bytes);
    let config = olm::SessionConfig::version_1();
    let session = writer.create_outbound_session(config, identity, one_time);
    session.expect("good keys")
}

fn accept(reader: &mut Account, first: &[u8]) -> (Session, Vec<u8>) {
    let first = PreKeyMessage::from_bytes(first).expect("a first message");
    let config = olm::SessionConfig::version_1();
    let accepted = reader.create_inbound_session(config, first.identity_key(), &first);
    let accepted = accepted.expect("the first message opens");
    (accepted.session, accepted.plaintext)
}

fn encrypt(session: &mut Session, plaintext: &[u8]) -> Vec<u8> {
    session.encrypt(plaintext).expect("encrypts").to_parts().1
}

impl Megolm {
    pub(super) fn new(targets: usize) -> Self {
        let writer = Account::new();
        let (mut sessions, mut published, mut reader) = (Vec::new(), Vec::new(), None);
        for _ in 0..targets {
            let (mut device, keys) = account_with_key();
            let mut session = start(&writer, &keys);
            let first = encrypt(&mut session, b"hello");
            let (mut its_session, _) = accept(&mut device, &first);
            let answer = encrypt(&mut its_session, b"hello");
            let answer = Message::from_bytes(&answer).expect("an answer");
            session.decrypt(&OlmMessage::Normal(answer)).expect("opens");
            sessions.push(session);
            published.push(keys);
            reader.get_or_insert((device, its_session));
        }
        let (reader, readers_session) = reader.expect("at least two accounts");
        let mut megolm = Self {
            writer,
            reader,
            group: GroupSession::new(SessionConfig::version_1()),
            sessions,
            readers_session,
            published,
            inbound: None,
        };
        let sent = megolm.renew(b"hello");
        let arrived = megolm.relay(sent);
        assert!(megolm.open(&arrived), "a genuine message opens");
        megolm
    }
}

/// The first message of another group session, and its key for each device.
fn with_keys(group: &mut GroupSession, sessions: &mut [Session], plaintext: &[u8]) -> Parts {
    *group = GroupSession::new(SessionConfig::version_1());
    let key = group.session_key().to_bytes();
    let mut parts = vec![group.encrypt(plaintext).to_bytes()];
    parts.extend(sessions.iter_mut().map(|session| encrypt(session, &key)));
    parts
}

impl Circle for Megolm {
    fn seal(&mut self, plaintext: &[u8]) -> Parts {
        vec![self.group.encrypt(plaintext).to_bytes()]
    }

    fn renew(&mut self, plaintext: &[u8]) -> Parts {
        with_keys(&mut self.group, &mut self.sessions, plaintext)
    }

    fn forget(&mut self) -> usize {
        self.published[0] = publish(&mut self.reader); // a one-time key counts once
        self.published.len() * 64
    }

    fn begin(&mut self, plaintext: &[u8]) -> Parts {
        let published = self.published.iter();
        let mut sessions: Vec<_> = published.map(|keys| start(&self.writer, keys)).collect();
        with_keys(&mut self.group, &mut sessions, plaintext)
    }

    fn relay(&mut self, mut sent: Parts) -> Parts {
        sent.truncate(2); // the message, and the key for the reader
        sent
    }

    fn open(&mut self, arrived: &[Vec<u8>]) -> bool {
        if let Some(key) = arrived.get(1) {
            let key = match Message::from_bytes(key) {
                Ok(message) => {
                    let opened = self.readers_session.decrypt(&OlmMessage::Normal(message));
                    opened.expect("a genuine message opens")
                }
                Err(_) => accept(&mut self.reader, key).1,
            };
            let key = SessionKey::from_bytes(&key).expect("a key");
            let config = SessionConfig::version_1();
            self.inbound = Some(InboundGroupSession::new(&key, config));
        }
        let message = MegolmMessage::from_bytes(&arrived[0]).expect("a message");
        let inbound = self.inbound.as_mut().expect("a session");
        inbound.decrypt(&message).is_ok()
    }
}
