//! Files: sealed and opened in chunks with commitments, next to plain ChaCha20-Poly1305 over the
//! same bytes, which commits to nothing and opens only as a whole.
//!
//! Waxseal works on several chunks at once and the plain cipher cannot. So these rows are in wall
//! time, and rows that end in `_cpu` are the same in CPU time, which counts all threads.

use std::hint::black_box;
use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use waxseal_reporting::file::{FileDescriptor, FileKey, FileShape, open, seal};

use crate::clock::time;
use crate::measure::Effort;
use crate::results::{Contestant, Results};

/// Sizes of the files in `compare`, in bytes.
pub const SIZES: [usize; 2] = [1 << 20, 64 << 20];

const KEY: [u8; 32] = [5; 32];
const NONCE: [u8; 12] = [0; 12];

/// What a file is, sealed by one system, with all that opens it.
pub struct SealedFile {
    bytes: Vec<u8>,
    /// `None` for the plain cipher.
    descriptor: Option<FileDescriptor>,
}

/// A way to seal files.
pub struct Sealing {
    pub system: &'static str,
    pub variant: &'static str,
    /// Seals a file into the buffer, which is empty and long enough.
    pub seal: fn(&[u8], Vec<u8>) -> SealedFile,
    /// Opens the file into the buffer, which is empty and long enough.
    pub open: fn(&SealedFile, Vec<u8>) -> Vec<u8>,
}

/// The plain cipher, and Waxseal.
pub const SEALINGS: [Sealing; 2] = [
    Sealing {
        system: "chacha20poly1305",
        variant: "plain",
        seal: plain_seal,
        open: plain_open,
    },
    Sealing {
        system: "waxseal-reporting",
        variant: "file",
        seal: file_seal,
        open: file_open,
    },
];

/// Adds the rows of files to `compare`.
pub fn contests(results: &mut Results, effort: Effort, sizes: &[usize]) {
    type Clock = fn(&mut dyn FnMut()) -> Duration;
    let clocks: [(&str, &str, Clock); 2] = [
        ("attachment_seal", "attachment_open", |work| {
            let began = Instant::now();
            work();
            began.elapsed()
        }),
        ("attachment_seal_cpu", "attachment_open_cpu", |work| {
            time(work)
        }),
    ];
    for size in sizes {
        let content: Vec<u8> = (0..=u8::MAX).cycle().take(*size).collect();
        for (sealing, opening, clock) in clocks {
            let contestants = SEALINGS.iter().map(|way| {
                let (content, mut room) = (&content, room(*size));
                Contestant {
                    system: way.system,
                    variant: way.variant,
                    run: Box::new(move |repeats| {
                        let runs = (0..repeats).map(|_| {
                            let mut sealed = None;
                            let empty = std::mem::take(&mut room);
                            let mut empty = Some(empty);
                            let elapsed = clock(&mut || {
                                sealed = empty.take().map(|room| (way.seal)(content, room));
                            });
                            room = black_box(sealed).expect("it was sealed").bytes;
                            room.clear();
                            elapsed
                        });
                        runs.sum()
                    }),
                }
            });
            results.contest(sealing, *size as u64, effort, contestants.collect());
            let contestants = SEALINGS.iter().map(|way| {
                let (content, mut room) = (&content, room(*size));
                let sealed = (way.seal)(content, Vec::new());
                Contestant {
                    system: way.system,
                    variant: way.variant,
                    run: Box::new(move |repeats| {
                        let runs = (0..repeats).map(|_| {
                            let mut opened = None;
                            let mut empty = Some(std::mem::take(&mut room));
                            let elapsed = clock(&mut || {
                                opened = empty.take().map(|room| (way.open)(&sealed, room));
                            });
                            room = black_box(opened).expect("it was opened");
                            assert!(room == *content, "a file opens to what was sealed");
                            room.clear();
                            elapsed
                        });
                        runs.sum()
                    }),
                }
            });
            results.contest(opening, *size as u64, effort, contestants.collect());
        }
    }
}

/// An empty buffer for a sealed file, whose memory the process has already: new memory costs more
/// than the cipher.
fn room(size: usize) -> Vec<u8> {
    let mut room = vec![1; size + size / 8 + 65_536];
    room.clear();
    room
}

fn plain_seal(content: &[u8], mut room: Vec<u8>) -> SealedFile {
    room.extend_from_slice(content);
    ChaCha20Poly1305::new(&KEY.into())
        .encrypt_in_place(&NONCE.into(), b"", &mut room)
        .expect("short enough");
    SealedFile {
        bytes: room,
        descriptor: None,
    }
}

fn plain_open(sealed: &SealedFile, mut room: Vec<u8>) -> Vec<u8> {
    room.extend_from_slice(&sealed.bytes);
    ChaCha20Poly1305::new(&KEY.into())
        .decrypt_in_place(&NONCE.into(), b"", &mut room)
        .expect("nothing was altered");
    room
}

fn file_seal(mut content: &[u8], mut room: Vec<u8>) -> SealedFile {
    let size = content.len() as u64;
    let key = FileKey::from_bytes(KEY);
    let root = seal(&mut content, size, &key, &mut room).expect("it is in memory");
    let shape = FileShape::new(size).expect("short enough");
    let descriptor = FileDescriptor::new(shape, root, "video/mp4", "film.mp4", "");
    SealedFile {
        bytes: room,
        descriptor: Some(descriptor.expect("within bounds")),
    }
}

fn file_open(sealed: &SealedFile, mut room: Vec<u8>) -> Vec<u8> {
    let descriptor = sealed.descriptor.as_ref().expect("file_seal made it");
    let (key, mut blob) = (FileKey::from_bytes(KEY), Cursor::new(&sealed.bytes));
    open(descriptor, &key, &mut blob, &mut room).expect("nothing was altered");
    room.flush().expect("it is in memory");
    room
}
