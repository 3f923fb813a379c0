//! A blob of a report, read from the relay piece by piece.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use waxseal_interface::MAX_BLOB_PART_LEN;
use waxseal_relay::ClientError;
use waxseal_reporting::BlobId;

use crate::Reviewer;

/// Length of what is fetched at once when little is read.
const BLOCK: u64 = 64 << 10;

/// Number of blocks that are kept, since the nodes of a file's tree are read again and again.
const MAX_KEPT: usize = 96;

/// Maximum number of times that a request is tried. The relay says how long to wait.
const MAX_TRIES: u32 = 30;

/// Reads a blob. What is read is unverified.
pub struct RemoteBlob<'a> {
    reviewer: &'a Reviewer,
    report_id: &'a str,
    blob: BlobId,
    len: u64,
    at: u64,
    kept: RefCell<VecDeque<(u64, Vec<u8>)>>,
}

impl<'a> RemoteBlob<'a> {
    /// The blob that a report names. It has as many bytes as its file demands, or the relay refuses
    /// to read on.
    pub fn new(reviewer: &'a Reviewer, report_id: &'a str, blob: BlobId, len: u64) -> Self {
        Self {
            reviewer,
            report_id,
            blob,
            len,
            at: 0,
            kept: RefCell::default(),
        }
    }

    fn fetch(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let (relay, session) = (&self.reviewer.relay, &self.reviewer.session);
        let mut tries = 0_u32;
        loop {
            match relay.reported_blob(session, self.report_id, &self.blob, at, len) {
                Ok(bytes) => return Ok(bytes),
                Err(error) if error.is_transient() && tries < MAX_TRIES => {
                    tries = tries.saturating_add(1);
                    wait(&error);
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// Reads from the block in which the present place is.
    fn read_kept(&self, into: &mut [u8]) -> io::Result<usize> {
        let start = self
            .at
            .checked_div(BLOCK)
            .unwrap_or(0)
            .saturating_mul(BLOCK);
        let mut kept = self.kept.borrow_mut();
        if !kept.iter().any(|(at, _)| *at == start) {
            let len = BLOCK.min(self.len.saturating_sub(start));
            let bytes = self.fetch(start, usize::try_from(len).unwrap_or(0))?;
            if kept.len() >= MAX_KEPT {
                kept.pop_front();
            }
            kept.push_back((start, bytes));
        }
        let block = kept.iter().find(|(at, _)| *at == start);
        let skipped = usize::try_from(self.at.saturating_sub(start)).unwrap_or(usize::MAX);
        let rest = block.and_then(|(_, bytes)| bytes.get(skipped..));
        let mut rest = rest.unwrap_or_default();
        rest.read(into)
    }
}

fn wait(error: &ClientError) {
    let secs = error.retry_after_secs().unwrap_or(1).clamp(1, 60);
    std::thread::sleep(Duration::from_secs(secs));
}

impl Read for RemoteBlob<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = into.len().min(left).min(MAX_BLOB_PART_LEN);
        let into = into.get_mut(..len).unwrap_or_default();
        let read = match u64::try_from(len) {
            Ok(0) => 0,
            // Much is read once, from beginning to end.
            Ok(much) if much > BLOCK => {
                let bytes = self.fetch(self.at, len)?;
                into.copy_from_slice(&bytes);
                len
            }
            _ => self.read_kept(into)?,
        };
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or(0));
        Ok(read)
    }
}

impl Seek for RemoteBlob<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
