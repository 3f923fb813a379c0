//! Writes a write-ahead log as SQLite's documentation describes it (“WAL File Format”). This lets a
//! fuzz target alter a log and still give it correct checksums.

/// A page in the log. It replaces the database's page with the same number.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) page: u32,
    /// Number of pages in the database if this frame ends a commit, otherwise 0.
    pub(super) commit: u32,
    pub(super) bytes: Vec<u8>,
}

/// Length of a page of the database in bytes.
pub(super) const PAGE: usize = 4_096;

/// The frames of one commit that turns the file `older` into `newer`.
pub(super) fn frames(older: &[u8], newer: &[u8]) -> Vec<Frame> {
    let page = |file: &[u8], index| file.chunks(PAGE).nth(index).map(<[u8]>::to_vec);
    let count = newer.len() / PAGE;
    let changed = (0..count).filter(|index| page(older, *index) != page(newer, *index));
    let mut frames: Vec<_> = changed
        .map(|index| Frame {
            page: u32::try_from(index + 1).unwrap(),
            commit: 0,
            bytes: page(newer, index).unwrap(),
        })
        .collect();
    if let Some(last) = frames.last_mut() {
        last.commit = u32::try_from(count).unwrap();
    }
    frames
}

/// The log begins with a magic number, which says that checksums are over big-endian words, and the
/// version of the format.
const HEADER: [u32; 2] = [0x377f_0683, 3_007_000];
const SALT: [u32; 2] = [1, 2];

pub(super) fn encode(frames: &[Frame]) -> Vec<u8> {
    let mut sums = [0; 2];
    let page_len = u32::try_from(PAGE).unwrap();
    let mut log = words(&[HEADER[0], HEADER[1], page_len, 0, SALT[0], SALT[1]]);
    add(&mut sums, &log);
    log.extend(words(&sums));
    for frame in frames {
        let head = words(&[frame.page, frame.commit]);
        add(&mut sums, &head);
        add(&mut sums, &frame.bytes);
        log.extend(head);
        log.extend(words(&SALT));
        log.extend(words(&sums));
        log.extend(&frame.bytes);
    }
    log
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Adds bytes to a checksum: for each pair of words, s0 += x[i] + s1; s1 += x[i + 1] + s0.
fn add([first, second]: &mut [u32; 2], bytes: &[u8]) {
    for pair in bytes.as_chunks::<8>().0 {
        let word =
            |at: usize| u32::from_be_bytes([pair[at], pair[at + 1], pair[at + 2], pair[at + 3]]);
        *first = first.wrapping_add(word(0)).wrapping_add(*second);
        *second = second.wrapping_add(word(4)).wrapping_add(*first);
    }
}
