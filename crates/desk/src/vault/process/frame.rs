//! Reads and writes frames on a connection, with one time limit for the whole connection.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::stream::Stream;

/// Maximum time for one connection in seconds, on either side.
pub const MAX_CONNECTION_SECS: u64 = 20;

/// How much of a frame is read at once.
const CHUNK_LEN: usize = 65_536;

/// The end of the time for one connection. A peer that sends a byte now and then gains nothing.
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    pub(super) fn left(&self) -> io::Result<Duration> {
        let left = Duration::from_secs(MAX_CONNECTION_SECS).saturating_sub(self.0.elapsed());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }

    /// Reads a frame of at most `max` bytes.
    pub(super) fn read(&self, stream: &mut Stream, max: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut len = [0; 4];
        self.fill(stream, &mut len)?;
        let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
        if len > max {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // One buffer, so that none is left unwiped. The system gives its memory as bytes arrive.
        let mut frame = Zeroizing::new(Vec::with_capacity(len));
        while frame.len() < len {
            let read = frame.len();
            let chunk = len.saturating_sub(read).min(CHUNK_LEN);
            frame.resize(read.saturating_add(chunk), 0);
            self.fill(stream, frame.get_mut(read..).unwrap_or_default())?;
        }
        Ok(frame)
    }

    fn fill(&self, stream: &mut Stream, mut out: &mut [u8]) -> io::Result<()> {
        while !out.is_empty() {
            stream.set_timeout(self.left()?)?;
            match stream.read(out) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => out = out.get_mut(read..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes a frame.
    pub(super) fn write(&self, stream: &mut Stream, frame: &[u8]) -> io::Result<()> {
        let len = u32::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidData)?;
        for mut bytes in [len.to_be_bytes().as_slice(), frame] {
            while !bytes.is_empty() {
                stream.set_timeout(self.left()?)?;
                match stream.write(bytes) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}
