//! The way between reviewers and the vault: one request and one answer per connection, over a Unix
//! socket.
//!
//! A connection carries one frame in each direction. A frame is `len be32 || bytes`.
//!
//! ```text
//! request: 01 || relay key 32 || sealed acceptance keys 1,201 || signature 64 || report id 16
//!            || accepted report
//! answer:  00 || unsealed report           opened
//!          01 || check u8 || reason        rejected: the failed check, the reason in words
//!          02 || reason                    not opened
//! ```

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use thiserror::Error;
use waxseal_reporting::intake::ReportId;
use waxseal_reporting::limits::{MAX_ACCEPTED_LEN, MAX_UNSEALED_LEN};
use waxseal_reporting::vault::UnsealedReport;
use zeroize::Zeroizing;

use crate::acceptance::SEALED_KEYS_LEN;
use crate::reviewer_messages::SealedKey;

/// Maximum time for one connection, on either side.
const TIMEOUT: Duration = Duration::from_secs(20);

const VERSION: u8 = 1;
const OPENED: u8 = 0;
const REJECTED: u8 = 1;
const NOT_OPENED: u8 = 2;

/// Maximum length of a reason in words, in bytes.
const MAX_REASON_LEN: usize = 512;

/// Maximum length of a request, in bytes.
const MAX_REQUEST_LEN: usize = 1 + 32 + SEALED_KEYS_LEN + 64 + 16 + MAX_ACCEPTED_LEN;

/// Maximum length of an answer, in bytes.
const MAX_ANSWER_LEN: usize = 2 + MAX_UNSEALED_LEN;

/// What a reviewer asks the vault for: to open one accepted report.
///
/// The reviewer passes on what the relay gave it, and can read none of it.
#[derive(Clone, Debug)]
pub struct OpenRequest {
    /// The relay's key, which signed the sealed acceptance keys.
    pub relay_key: [u8; 32],
    /// The acceptance keys, sealed to the vault, with the relay's signature.
    pub acceptance_keys: SealedKey,
    /// The id under which the relay keeps the report.
    pub id: ReportId,
    /// The encoded `AcceptedReport`.
    pub accepted: Vec<u8>,
}

impl OpenRequest {
    fn encode(&self) -> Vec<u8> {
        [
            &[VERSION],
            self.relay_key.as_slice(),
            &self.acceptance_keys.sealed,
            &self.acceptance_keys.signature,
            self.id.as_bytes(),
            &self.accepted,
        ]
        .concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(&[VERSION])?;
        let (relay_key, bytes) = bytes.split_first_chunk()?;
        let (sealed, bytes) = bytes.split_first_chunk::<SEALED_KEYS_LEN>()?;
        let (signature, bytes) = bytes.split_first_chunk()?;
        let (id, accepted) = bytes.split_first_chunk()?;
        Some(Self {
            relay_key: *relay_key,
            acceptance_keys: SealedKey {
                sealed: sealed.to_vec(),
                signature: *signature,
            },
            id: ReportId::from_bytes(*id),
            accepted: accepted.to_vec(),
        })
    }
}

/// Why the vault did not open a report.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The report failed this check of the reporting specification.
    #[error("CHK-{check}, {reason}")]
    Rejected {
        /// The number of the check.
        check: u8,
        /// The reason in words, as the vault gives it.
        reason: String,
    },
    /// The vault refused the request. The report is not at fault.
    #[error("the vault did not open it: {0}")]
    NotOpened(String),
    /// The vault could not be reached, or its answer does not follow this interface.
    #[error("no answer from the vault: {0}")]
    Unreachable(String),
}

/// Asks the vault at this socket to open a report.
///
/// # Errors
/// [`VaultError`].
pub fn ask_vault(socket: &Path, request: &OpenRequest) -> Result<UnsealedReport, VaultError> {
    let unreachable = |error: io::Error| VaultError::Unreachable(error.to_string());
    let malformed = || VaultError::Unreachable("the answer is malformed".to_owned());
    if request.acceptance_keys.sealed.len() != SEALED_KEYS_LEN {
        return Err(VaultError::NotOpened(
            "no sealed acceptance keys".to_owned(),
        ));
    }
    let deadline = Deadline::new();
    let mut stream = UnixStream::connect(socket).map_err(unreachable)?;
    let answer = deadline
        .write_frame(&mut stream, &request.encode())
        .and_then(|()| deadline.read_frame(&mut stream, MAX_ANSWER_LEN))
        .map_err(unreachable)?;
    let (kind, rest) = answer.split_first().ok_or_else(malformed)?;
    let reason = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match *kind {
        OPENED => {
            let report = UnsealedReport::decode(rest).map_err(|_| malformed())?;
            if *report.id() != request.id {
                return Err(malformed());
            }
            Ok(report)
        }
        REJECTED => {
            let (check, words) = rest.split_first().ok_or_else(malformed)?;
            Err(VaultError::Rejected {
                check: *check,
                reason: reason(words),
            })
        }
        NOT_OPENED => Err(VaultError::NotOpened(reason(rest))),
        _ => Err(malformed()),
    }
}

/// The vault's side of one connection: reads the request, and writes the answer that `open` gives.
///
/// # Errors
/// An I/O error if the connection broke or took too long.
pub fn answer_reviewer(
    stream: &mut UnixStream,
    open: impl FnOnce(&OpenRequest) -> Result<UnsealedReport, VaultError>,
) -> io::Result<()> {
    let deadline = Deadline::new();
    let request = deadline.read_frame(stream, MAX_REQUEST_LEN)?;
    let opened = OpenRequest::decode(&request)
        .ok_or_else(|| VaultError::NotOpened("the request is malformed".to_owned()))
        .and_then(|request| open(&request));
    let words = |reason: &str| reason.bytes().take(MAX_REASON_LEN).collect::<Vec<u8>>();
    let answer = match opened {
        Ok(report) => {
            let report = report.encode();
            let mut answer = Zeroizing::new(Vec::with_capacity(report.len().saturating_add(1)));
            answer.push(OPENED);
            answer.extend_from_slice(&report);
            answer
        }
        Err(VaultError::Rejected { check, reason }) => {
            Zeroizing::new([&[REJECTED, check], words(&reason).as_slice()].concat())
        }
        Err(VaultError::NotOpened(reason) | VaultError::Unreachable(reason)) => {
            Zeroizing::new([&[NOT_OPENED], words(&reason).as_slice()].concat())
        }
    };
    deadline.write_frame(stream, &answer)
}

/// The end of the time for one connection. A peer that sends a byte now and then gains nothing.
struct Deadline(Instant);

impl Deadline {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn left(&self) -> io::Result<Duration> {
        let left = TIMEOUT.saturating_sub(self.0.elapsed());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }

    fn read_frame(&self, stream: &mut UnixStream, max: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut len = [0; 4];
        self.read(stream, &mut len)?;
        let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
        if len > max {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = Zeroizing::new(vec![0; len]);
        self.read(stream, &mut bytes)?;
        Ok(bytes)
    }

    fn read(&self, stream: &mut UnixStream, mut out: &mut [u8]) -> io::Result<()> {
        while !out.is_empty() {
            stream.set_read_timeout(Some(self.left()?))?;
            match stream.read(out) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => out = out.get_mut(read..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_frame(&self, stream: &mut UnixStream, bytes: &[u8]) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidData)?;
        self.write(stream, &len.to_be_bytes())?;
        self.write(stream, bytes)
    }

    fn write(&self, stream: &mut UnixStream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            stream.set_write_timeout(Some(self.left()?))?;
            match stream.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> OpenRequest {
        OpenRequest {
            relay_key: [1; 32],
            acceptance_keys: SealedKey {
                sealed: vec![2; SEALED_KEYS_LEN],
                signature: [3; 64],
            },
            id: ReportId::from_bytes([4; 16]),
            accepted: vec![5; 10],
        }
    }

    fn answered(sent: &[u8], answer: VaultError) -> io::Result<()> {
        let (mut reviewer, mut vault) = UnixStream::pair().unwrap();
        reviewer.write_all(sent).unwrap();
        reviewer.shutdown(std::net::Shutdown::Write).unwrap();
        answer_reviewer(&mut vault, |_| Err(answer))
    }

    #[test]
    fn a_request_survives_the_way_and_a_cut_one_is_not_one() {
        let request = request();
        let bytes = request.encode();
        let read = OpenRequest::decode(&bytes).unwrap();
        assert_eq!(read.encode(), bytes);
        assert_eq!((read.id, read.accepted), (request.id, request.accepted));
        let fixed = bytes.len() - 10;
        assert!(OpenRequest::decode(&bytes[..fixed]).is_some());
        assert!(OpenRequest::decode(&bytes[..fixed - 1]).is_none());
        assert!(OpenRequest::decode(&[&[2], &bytes[1..]].concat()).is_none());
    }

    #[test]
    fn a_frame_that_is_too_long_or_cut_is_not_answered() {
        let not_opened = || VaultError::NotOpened(String::new());
        let frame = |len: usize| u32::try_from(len).unwrap().to_be_bytes().to_vec();
        assert!(answered(&frame(MAX_REQUEST_LEN + 1), not_opened()).is_err());
        assert!(answered(&[0, 0, 0, 9, 1], not_opened()).is_err());
        assert!(answered(&[0, 0], not_opened()).is_err());
        answered(&frame(0), not_opened()).unwrap();
    }

    #[test]
    fn the_reviewer_hears_why_a_report_was_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault.sock");
        for error in [
            VaultError::Rejected {
                check: 83,
                reason: "broken".to_owned(),
            },
            VaultError::NotOpened("another relay".to_owned()),
        ] {
            let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
            let answer = error.clone();
            let vault = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                answer_reviewer(&mut stream, |_| Err(answer)).unwrap();
            });
            assert_eq!(ask_vault(&path, &request()).unwrap_err(), error);
            vault.join().unwrap();
            std::fs::remove_file(&path).unwrap();
        }
    }
}
