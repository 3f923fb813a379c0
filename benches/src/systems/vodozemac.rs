//! The system vodozemac, which implements Olm as Matrix uses it, with 3DH and the Double Ratchet.
//!
//! Messages are in vodozemac's byte encoding, without base64. An exported state is the pickle as
//! JSON, unencrypted. The signature of the one-time key is not checked here, because Olm leaves
//! that to the application.

use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{
    Account, Message, OlmMessage, PreKeyMessage, Session, SessionConfig, SessionPickle,
};

use super::{Pair, Strangers};

pub(super) fn version_1() -> Box<dyn Strangers> {
    strangers(SessionConfig::version_1())
}

pub(super) fn version_2() -> Box<dyn Strangers> {
    strangers(SessionConfig::version_2())
}

fn strangers(config: SessionConfig) -> Box<dyn Strangers> {
    let (alice, mut bob) = (Account::new(), Account::new());
    let one_time = bob.generate_one_time_keys(1).created;
    let one_time = one_time.first().expect("one was asked for").to_bytes();
    bob.mark_keys_as_published();
    Box::new(Unmet {
        published: [bob.curve25519_key().to_bytes(), one_time],
        alice,
        bob,
        config,
    })
}

struct Unmet {
    alice: Account,
    bob: Account,
    /// Bob's identity key and one-time key.
    published: [[u8; 32]; 2],
    config: SessionConfig,
}

impl Unmet {
    fn start(&self) -> Session {
        let [identity, one_time] = self.published.map(Curve25519PublicKey::from_bytes);
        self.alice
            .create_outbound_session(self.config, identity, one_time)
            .expect("good keys")
    }
}

impl Strangers for Unmet {
    fn meet(mut self: Box<Self>, plaintext: &[u8]) -> Box<dyn Pair> {
        let mut alice = self.start();
        let (_, first) = alice.encrypt(plaintext).expect("encrypts").to_parts();
        let first = PreKeyMessage::from_bytes(&first).expect("a first message");
        let accepted = self
            .bob
            .create_inbound_session(self.config, first.identity_key(), &first)
            .expect("the first message opens");
        Box::new(Olm {
            sessions: [alice, accepted.session],
        })
    }

    fn first_message(self: Box<Self>, plaintext: &[u8]) -> (usize, usize) {
        let (_, first) = self
            .start()
            .encrypt(plaintext)
            .expect("encrypts")
            .to_parts();
        // Two keys of 32 bytes are published. The application adds their signatures.
        (first.len(), 64)
    }
}

struct Olm {
    sessions: [Session; 2],
}

impl Pair for Olm {
    fn seal(&mut self, from: usize, plaintext: &[u8]) -> Vec<u8> {
        match self.sessions[from].encrypt(plaintext).expect("encrypts") {
            OlmMessage::Normal(message) => message.to_bytes(),
            OlmMessage::PreKey(_) => panic!("only messages after the handshake are measured"),
        }
    }

    fn open(&mut self, to: usize, arrived: &[u8]) -> bool {
        Message::from_bytes(arrived).is_ok_and(|message| {
            self.sessions[to]
                .decrypt(&OlmMessage::Normal(message))
                .is_ok()
        })
    }

    fn export(&self, side: usize) -> Vec<u8> {
        serde_json::to_vec(&self.sessions[side].pickle()).expect("serializes")
    }

    fn import(&mut self, side: usize, state: &[u8]) {
        let pickle: SessionPickle = serde_json::from_slice(state).expect("an export");
        self.sessions[side] = pickle.into();
    }

    fn forge(&mut self, genuine: &[u8], counter: u64) -> Vec<u8> {
        let message = Message::from_bytes(genuine).expect("a message");
        // message = version || 0a 20 || ratchet key || 10 || counter || 22 || length || ciphertext
        // || MAC. The ratchet key and the counter are not encrypted, and the recipient uses them
        // before it checks the MAC. A new ratchet key costs the recipient a Diffie–Hellman
        // computation, and the counter costs that many chain steps.
        let (version, mac_len) = match message.version() {
            3 => (3, 8),
            other => (other, 32),
        };
        let mut forged = vec![version, 0x0a, 32];
        forged.extend_from_slice(Account::new().curve25519_key().as_bytes());
        forged.push(0x10);
        put_varint(&mut forged, counter);
        forged.push(0x22);
        put_varint(&mut forged, message.ciphertext().len() as u64);
        forged.extend_from_slice(message.ciphertext());
        forged.extend(std::iter::repeat_n(0x55, mac_len));
        forged
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
