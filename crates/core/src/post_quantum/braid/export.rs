//! Exports and imports a [`Braid`]. An export holds the braid's secrets and the chunks it received,
//! but nothing that can be derived from these.

use super::{Braid, PostQuantumStop, State};
use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::post_quantum::authenticator::Authenticator;
use crate::post_quantum::erasure::{CHUNK_LEN, Chunk, Collector};
use crate::post_quantum::kem::{Coin, KEY_HEADER_LEN, KEY_SEED_LEN, KeySeed};

/// Length of a collected chunk: index, bytes.
const ENTRY_LEN: usize = 2 + CHUNK_LEN;
/// Maximum length of a state: key header, coin (the encapsulation's randomness), index, count, and
/// all but one chunk of a key vector.
const MAX_STATE_LEN: usize = KEY_HEADER_LEN + 32 + 2 + 1 + 35 * ENTRY_LEN;
/// Maximum length of the braid in an export, in bytes.
pub(crate) const MAX_BRAID_EXPORT_LEN: usize = 8 + Authenticator::EXPORT_LEN + 1 + MAX_STATE_LEN;

const _: () = assert!(
    KEY_SEED_LEN + 30 * CHUNK_LEN + 1 + 4 * ENTRY_LEN <= MAX_STATE_LEN
        && 2 + 35 * CHUNK_LEN <= MAX_STATE_LEN,
    "no other state is larger"
);

fn write_collected<const N: usize>(writer: &mut Writer, collector: &Collector<N>) {
    let chunks = collector.chunks();
    writer.u8(u8::try_from(chunks.len()).unwrap_or(u8::MAX));
    for (index, chunk) in chunks {
        writer.u16(*index);
        writer.bytes(chunk);
    }
}

fn read_collected<const N: usize>(reader: &mut Reader<'_>) -> Result<Collector<N>, DecodeError> {
    let mut chunks = Vec::new();
    for _ in 0..reader.u8()? {
        chunks.push((reader.u16()?, *reader.array()?));
    }
    Collector::from_chunks(chunks).ok_or(DecodeError::NotCanonical)
}

fn read_message<const N: usize>(reader: &mut Reader<'_>) -> Result<Box<[Chunk; N]>, DecodeError> {
    let mut message = Box::new([[0; CHUNK_LEN]; N]);
    for chunk in message.iter_mut() {
        *chunk = *reader.array()?;
    }
    Ok(message)
}

impl Braid {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.u64(self.epoch);
        self.authenticator.write(writer);
        match &self.state {
            State::KeysUnsampled => writer.u8(0),
            State::KeysSampled { seed, sent, .. } => {
                writer.u8(1);
                writer.bytes(seed.as_bytes());
                writer.u16(*sent);
            }
            State::HeaderSent {
                seed, sent, first, ..
            } => {
                writer.u8(2);
                writer.bytes(seed.as_bytes());
                writer.u16(*sent);
                write_collected(writer, first);
            }
            State::Ct1Received {
                seed, sent, first, ..
            } => {
                writer.u8(3);
                writer.bytes(seed.as_bytes());
                writer.u16(*sent);
                writer.bytes(first.as_flattened());
            }
            State::EkSentCt1Received {
                seed,
                first,
                second,
            } => {
                writer.u8(4);
                writer.bytes(seed.as_bytes());
                writer.bytes(first.as_flattened());
                write_collected(writer, second);
            }
            State::NoHeaderReceived { header } => {
                writer.u8(5);
                write_collected(writer, header);
            }
            State::HeaderReceived { header } => {
                writer.u8(6);
                writer.bytes(header);
            }
            State::Ct1Sampled {
                header,
                coin,
                sent,
                vector,
                ..
            } => {
                writer.u8(7);
                writer.bytes(header);
                writer.bytes(coin.as_bytes());
                writer.u16(*sent);
                write_collected(writer, vector);
            }
            State::EkReceivedCt1Sampled {
                sent,
                first,
                second,
            } => {
                writer.u8(8);
                writer.u16(*sent);
                writer.bytes(first.as_flattened());
                writer.bytes(second.as_flattened());
            }
            State::Ct1Acknowledged {
                header,
                coin,
                vector,
            } => {
                writer.u8(9);
                writer.bytes(header);
                writer.bytes(coin.as_bytes());
                write_collected(writer, vector);
            }
            State::Ct2Sampled { sent, second } => {
                writer.u8(10);
                writer.u16(*sent);
                writer.bytes(second.as_flattened());
            }
            State::Stopped(reason) => {
                writer.u8(11);
                writer.u8(match reason {
                    PostQuantumStop::HeaderNotAuthentic => 0,
                    PostQuantumStop::KeyMismatch => 1,
                    PostQuantumStop::CiphertextNotAuthentic => 2,
                    PostQuantumStop::EpochAhead => 3,
                });
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let epoch = reader.u64()?;
        if epoch == 0 {
            return Err(DecodeError::Malformed);
        }
        let authenticator = Authenticator::read(reader)?;
        let state = match reader.u8()? {
            0 => State::KeysUnsampled,
            1 => State::KeysSampled {
                seed: KeySeed::from_bytes(reader.array()?),
                sent: reader.u16()?,
                header: None,
            },
            2 => State::HeaderSent {
                seed: KeySeed::from_bytes(reader.array()?),
                sent: reader.u16()?,
                vector: None,
                first: read_collected(reader)?,
            },
            3 => State::Ct1Received {
                seed: KeySeed::from_bytes(reader.array()?),
                sent: reader.u16()?,
                vector: None,
                first: read_message(reader)?,
            },
            4 => State::EkSentCt1Received {
                seed: KeySeed::from_bytes(reader.array()?),
                first: read_message(reader)?,
                second: read_collected(reader)?,
            },
            5 => State::NoHeaderReceived {
                header: read_collected(reader)?,
            },
            6 => State::HeaderReceived {
                header: *reader.array()?,
            },
            7 => State::Ct1Sampled {
                header: *reader.array()?,
                coin: Coin::from_bytes(reader.array()?),
                sent: reader.u16()?,
                first: None,
                vector: read_collected(reader)?,
            },
            8 => State::EkReceivedCt1Sampled {
                sent: reader.u16()?,
                first: read_message(reader)?,
                second: read_message(reader)?,
            },
            9 => State::Ct1Acknowledged {
                header: *reader.array()?,
                coin: Coin::from_bytes(reader.array()?),
                vector: read_collected(reader)?,
            },
            10 => State::Ct2Sampled {
                sent: reader.u16()?,
                second: read_message(reader)?,
            },
            11 => State::Stopped(match reader.u8()? {
                0 => PostQuantumStop::HeaderNotAuthentic,
                1 => PostQuantumStop::KeyMismatch,
                2 => PostQuantumStop::CiphertextNotAuthentic,
                3 => PostQuantumStop::EpochAhead,
                _ => return Err(DecodeError::Malformed),
            }),
            _ => return Err(DecodeError::Malformed),
        };
        Ok(Self {
            epoch,
            authenticator,
            state,
        })
    }
}
