//! Finds the secrets in exported state.
//!
//! The functions here read an export field by field, in the order in which it was written. The heap
//! tests read every state of a conversation this way, to the last byte.

use core::ops::Range;

/// The kind of value in a range of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Root key of the Double Ratchet.
    Root,
    /// Private key of a ratchet key pair or of a prekey.
    DhSecret,
    /// Key of a sending or receiving chain.
    ChainKey,
    /// Header key, from which the keys that encrypt and authenticate message headers are derived.
    HeaderKey,
    /// A key from which the key of a skipped message is derived. A session has two of them, one
    /// from each ratchet. A skipped message has not arrived yet.
    SkippedKey,
    /// Root key, chain key or next chain key of the post-quantum ratchet.
    PostQuantumKey,
    /// Root key or MAC key with which the braid authenticates what it exchanges. The braid is the
    /// post-quantum ratchet's key exchange by ML-KEM, spread over many messages.
    Authenticator,
    /// Seed of an ML-KEM key pair, of the braid or of a prekey.
    KemSeed,
    /// Randomness (coin) of the braid's ML-KEM encapsulation.
    Coin,
    /// Chunks, which are pieces of a public key or ciphertext that the braid received, or of a
    /// ciphertext that it is to send, with the MAC over it. They are not secret.
    Chunk,
    /// Key that the sender of a chain with slots shares with a recipient, or the root of
    /// these keys.
    ChainAuthKey,
    /// A public value or a counter, such as the peer's complete key header.
    Other,
}

/// The fields of an export, in order and without gaps.
///
/// Reading starts at offset 0. Each field that is taken or skipped advances the offset, and reading
/// must end at the last byte.
pub struct Fields {
    at: usize,
    fields: Vec<(Kind, Range<usize>)>,
}

impl Fields {
    /// Reads an export of `SessionSet::export`.
    pub fn of_sessions(export: &[u8]) -> Vec<(Kind, Range<usize>)> {
        let mut fields = Self::start();
        // Skips the version, the selection, the numbers of dropped steps and epochs, and the age.
        fields.skip(1 + 4 + 8 + 8 + 4);
        for _ in 0..fields.u32(export) {
            fields.session(export);
        }
        fields.end(export)
    }

    /// Reads an export of `PreKeys::export`.
    pub fn of_prekeys(export: &[u8]) -> Vec<(Kind, Range<usize>)> {
        let mut fields = Self::start();
        fields.prekeys(export);
        for _ in 0..fields.u32(export) {
            fields.one_time_set();
        }
        fields.end(export)
    }

    /// Reads the state that `PreKeys::export_parts` returns, or a one-time set of 101 bytes.
    pub fn of_prekey_part(part: &[u8]) -> Vec<(Kind, Range<usize>)> {
        let mut fields = Self::start();
        if part.len() == 101 {
            fields.skip(1);
            fields.one_time_set();
        } else {
            fields.prekeys(part);
        }
        fields.end(part)
    }

    /// Reads the state of `OwnChain::export`.
    pub fn of_own_chain(state: &[u8]) -> Vec<(Kind, Range<usize>)> {
        let mut fields = Self::start();
        // Skips the version, the chain's name and the time of its start.
        fields.skip(1 + 32 + 64 + 4 + 8);
        fields.take(Kind::ChainKey, 32);
        fields.take(Kind::HeaderKey, 32);
        fields.take(Kind::ChainAuthKey, 32);
        fields.skip(4 + 4);
        fields.end(state)
    }

    /// Reads an export of `PeerChains::export`.
    pub fn of_peer_chains(export: &[u8]) -> Vec<(Kind, Range<usize>)> {
        let mut fields = Self::start();
        fields.skip(1 + 32 + 64);
        for _ in 0..fields.u32(export) {
            fields.skip(4);
            fields.take(Kind::ChainKey, 32);
            fields.take(Kind::HeaderKey, 32);
            fields.take(Kind::ChainAuthKey, 32);
            fields.skip(4 + 8);
            for _ in 0..fields.u32(export) {
                fields.skip(4);
                fields.take(Kind::SkippedKey, 32);
            }
        }
        fields.end(export)
    }

    /// Reads the plaintext of a key slot, which is an encoding of `ChainKeys`.
    pub fn of_chain_keys(slot: &[u8]) -> Vec<(Kind, Range<usize>)> {
        let mut fields = Self::start();
        fields.skip(1 + 4 + 4);
        fields.take(Kind::ChainKey, 32);
        fields.take(Kind::HeaderKey, 32);
        fields.take(Kind::ChainAuthKey, 32);
        fields.end(slot)
    }

    fn start() -> Self {
        Self {
            at: 0,
            fields: Vec::new(),
        }
    }

    fn end(self, export: &[u8]) -> Vec<(Kind, Range<usize>)> {
        assert_eq!(self.at, export.len(), "the export has another layout");
        self.fields
    }

    /// Reads everything except the one-time sets.
    fn prekeys(&mut self, export: &[u8]) {
        self.skip(1 + 64);
        self.signed_set(export);
        if self.u8(export) == 1 {
            self.signed_set(export);
        }
        self.skip(4);
    }

    fn one_time_set(&mut self) {
        self.skip(4);
        self.take(Kind::DhSecret, 32);
        self.take(Kind::KemSeed, 64);
    }

    fn signed_set(&mut self, export: &[u8]) {
        self.skip(4);
        self.key_pair();
        self.take(Kind::KemSeed, 64);
        let remembered = self.u32(export);
        self.skip(remembered * 32);
    }

    fn session(&mut self, export: &[u8]) {
        // Skips the peer's identity, the associated data, the base key and the digest.
        self.skip(64 + 3 * 32);
        if self.u8(export) == 0 {
            // Skips the handshake: the identity, the certificate, the numbers of the signed prekey
            // and of the one-time prekey, and the ciphertext.
            self.skip(64 + 64 + 4);
            if self.u8(export) == 1 {
                self.skip(4);
            }
            self.skip(1568);
        }
        self.take(Kind::Root, 32);
        self.key_pair();
        self.skip(32);
        // The sending chain comes first, then the receiving chain. Each may be absent.
        for counters in [4, 12] {
            if self.u8(export) == 1 {
                self.take(Kind::ChainKey, 32);
                self.take(Kind::HeaderKey, 32);
                self.skip(counters);
            }
        }
        self.take(Kind::HeaderKey, 32);
        self.take(Kind::HeaderKey, 32);
        // Skips the length of the previous chain, the number of messages opened and that of steps.
        self.skip(4 + 8 + 8);
        for _ in 0..self.u32(export) {
            self.skip(8);
            self.take(Kind::HeaderKey, 32);
        }
        for _ in 0..self.u32(export) {
            self.skip(8 + 4 + 8);
            self.take(Kind::SkippedKey, 32);
            self.take(Kind::SkippedKey, 32);
        }
        self.post_quantum(export);
    }

    fn post_quantum(&mut self, export: &[u8]) {
        // The fields are the role, the root key, two chains (each a key between two counters) and
        // the keys of two next chains, each of which may be absent.
        self.skip(1);
        self.take(Kind::PostQuantumKey, 32);
        for _ in 0..2 {
            self.skip(8);
            self.take(Kind::PostQuantumKey, 32);
            self.skip(8);
        }
        for _ in 0..2 {
            if self.u8(export) == 1 {
                self.take(Kind::PostQuantumKey, 32);
            }
        }
        // The fields are the epoch, the authenticator's two keys, and the braid's state.
        self.skip(8);
        self.take(Kind::Authenticator, 32);
        self.take(Kind::Authenticator, 32);
        match self.u8(export) {
            0 => {}
            1 => {
                self.take(Kind::KemSeed, 64);
                self.skip(2);
            }
            2 => {
                self.take(Kind::KemSeed, 64);
                self.skip(2);
                self.collected(export);
            }
            3 => {
                self.take(Kind::KemSeed, 64);
                self.skip(2);
                self.take(Kind::Chunk, 960);
            }
            4 => {
                self.take(Kind::KemSeed, 64);
                self.take(Kind::Chunk, 960);
                self.collected(export);
            }
            5 => self.collected(export),
            6 => self.skip(64),
            7 => {
                self.skip(64);
                self.take(Kind::Coin, 32);
                self.skip(2);
                self.collected(export);
            }
            8 => {
                self.skip(2);
                self.take(Kind::Chunk, 960 + 160);
            }
            9 => {
                self.skip(64);
                self.take(Kind::Coin, 32);
                self.collected(export);
            }
            10 => {
                self.skip(2);
                self.take(Kind::Chunk, 160);
            }
            11 => self.skip(1),
            state => panic!("the braid has no state {state}"),
        }
    }

    fn collected(&mut self, export: &[u8]) {
        for _ in 0..self.u8(export) {
            self.skip(2);
            self.take(Kind::Chunk, 32);
        }
    }

    fn key_pair(&mut self) {
        self.take(Kind::DhSecret, 32);
        self.skip(32);
    }

    fn take(&mut self, kind: Kind, len: usize) {
        self.fields.push((kind, self.at..self.at + len));
        self.at += len;
    }

    fn skip(&mut self, len: usize) {
        if len > 0 {
            self.take(Kind::Other, len);
        }
    }

    fn u8(&mut self, export: &[u8]) -> u8 {
        let value = export[self.at];
        self.skip(1);
        value
    }

    fn u32(&mut self, export: &[u8]) -> usize {
        let bytes = [0, 1, 2, 3].map(|i| export[self.at + i]);
        self.skip(4);
        u32::from_be_bytes(bytes) as usize
    }
}
