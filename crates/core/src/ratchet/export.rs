//! [`Ratchet`] inside a session's export, as fields of fixed width.

use super::{Ratchet, ReceivingChain, SendingChain};
use crate::codec::{Reader, Writer};
use crate::dh::{DhKeyPair, DhPublicKey};
use crate::error::DecodeError;
use crate::header_key::HeaderKey;
use crate::kdf::{ChainKey, RootKey};
use crate::post_quantum::{MAX_POST_QUANTUM_EXPORT_LEN, PostQuantum};
use crate::skipped::{Form, MAX_SKIPPED_EXPORT_LEN, MAX_SKIPPED_STATE_LEN, Received, SkippedKeys};

/// Maximum length without skipped keys: root key, key pair, peer's key, both chains each with a
/// presence byte, two header keys, three counters, post-quantum ratchet.
const FIXED_LEN: usize =
    32 + 64 + 32 + (1 + 68) + (1 + 76) + 64 + 4 + 8 + 8 + MAX_POST_QUANTUM_EXPORT_LEN;
/// Maximum length in an export in one piece, with the skipped keys.
pub(crate) const MAX_RATCHET_EXPORT_LEN: usize = FIXED_LEN + MAX_SKIPPED_EXPORT_LEN;
/// Maximum length in the state of an export in parts, without the skipped keys.
pub(crate) const MAX_RATCHET_STATE_LEN: usize = FIXED_LEN + MAX_SKIPPED_STATE_LEN;

impl Ratchet {
    /// Upper bound of the number of bytes that [`Ratchet::write`] writes.
    pub(crate) fn export_len(&self, form: Form) -> usize {
        self.skipped.export_len(form).saturating_add(FIXED_LEN)
    }

    pub(crate) fn write(&self, writer: &mut Writer, form: Form) {
        writer.bytes(self.root.as_bytes());
        self.dh.write(writer);
        writer.bytes(self.peer_dh.as_bytes());
        writer.optional(self.sending.as_ref(), |writer, chain| {
            writer.bytes(chain.key.as_bytes());
            writer.bytes(chain.header_key.as_bytes());
            writer.u32(chain.n);
        });
        writer.optional(self.receiving.as_ref(), |writer, chain| {
            writer.bytes(chain.key.as_bytes());
            writer.bytes(chain.header_key.as_bytes());
            writer.u32(chain.n);
            writer.u64(chain.number);
        });
        writer.bytes(self.next_sending_header.as_bytes());
        writer.bytes(self.next_receiving_header.as_bytes());
        writer.u32(self.previous_sent);
        writer.u64(self.opened);
        writer.u64(self.steps);
        self.skipped.write(writer, form);
        self.post_quantum.write(writer);
    }

    pub(crate) fn read(reader: &mut Reader<'_>, form: Form) -> Result<Self, DecodeError> {
        let root = RootKey::from_bytes(reader.array()?);
        let dh = DhKeyPair::read(reader)?;
        let peer_dh = DhPublicKey::from_bytes(reader.array()?)?;
        let sending = reader.optional(|reader| {
            Ok(SendingChain {
                key: ChainKey::from_bytes(reader.array()?),
                header_key: HeaderKey::from_bytes(reader.array()?),
                n: reader.u32()?,
            })
        })?;
        let receiving = reader.optional(|reader| {
            Ok(ReceivingChain {
                key: ChainKey::from_bytes(reader.array()?),
                header_key: HeaderKey::from_bytes(reader.array()?),
                n: reader.u32()?,
                number: reader.u64()?,
            })
        })?;
        // Only a recipient in the middle of its handshake has neither chain, and it is not
        // exported.
        if sending.is_none() && receiving.is_none() {
            return Err(DecodeError::Malformed);
        }
        let next_sending_header = HeaderKey::from_bytes(reader.array()?);
        let next_receiving_header = HeaderKey::from_bytes(reader.array()?);
        let previous_sent = reader.u32()?;
        let opened = reader.u64()?;
        let steps = reader.u64()?;
        // Receiving chains are numbered from 1, and a number must be left for the next chain.
        if matches!(&receiving, Some(chain) if matches!(chain.number, 0 | u64::MAX)) {
            return Err(DecodeError::Malformed);
        }
        let skipped = SkippedKeys::read(reader, form, received(receiving.as_ref(), opened))?;
        let post_quantum = PostQuantum::read(reader)?;
        Ok(Self {
            root,
            dh,
            peer_dh,
            sending,
            receiving,
            next_sending_header,
            next_receiving_header,
            previous_sent,
            skipped,
            opened,
            steps,
            post_quantum,
        })
    }

    /// Checks the skipped keys once all their pages are read.
    pub(crate) fn finish_pages(&mut self) -> Result<(), DecodeError> {
        let received = received(self.receiving.as_ref(), self.opened);
        self.skipped.finish_pages(received)
    }

    pub(crate) fn skipped(&self) -> &SkippedKeys {
        &self.skipped
    }

    pub(crate) fn skipped_mut(&mut self) -> &mut SkippedKeys {
        &mut self.skipped
    }
}

fn received(receiving: Option<&ReceivingChain>, opened: u64) -> Received {
    let (chain, n) = receiving.map_or((0, 0), |chain| (chain.number, chain.n));
    Received { chain, n, opened }
}
