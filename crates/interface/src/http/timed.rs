//! A TCP stream on which all reads together end at a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A TCP stream whose reads end at a deadline. The timeout of a socket is for one read: a peer that
/// sends a byte now and then would hold a caller, who waits for a whole frame, for as long as it
/// likes.
#[derive(Debug)]
pub(super) struct TimedStream {
    stream: TcpStream,
    deadline: Instant,
    /// Whether anything was read since the deadline was set. The first read is always tried.
    has_read: bool,
}

impl TimedStream {
    pub(super) fn new(stream: TcpStream, timeout: Duration) -> Self {
        let mut timed = Self {
            stream,
            deadline: Instant::now(),
            has_read: false,
        };
        timed.set_timeout(timeout);
        timed
    }

    /// Sets the time for all reads from now on. When it is over, a read fails with
    /// [`ErrorKind::WouldBlock`], and what was read before is not lost.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        let now = Instant::now();
        self.deadline = now.checked_add(timeout).unwrap_or(now);
        self.has_read = false;
    }
}

impl Read for TimedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() && self.has_read {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.has_read = true;
        let left = left.max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

impl Write for TimedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_peer_that_sends_a_byte_now_and_then_does_not_hold_the_reader() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let stream = TcpStream::connect(address).unwrap();
        let mut timed = TimedStream::new(stream, Duration::from_millis(300));
        let (began, mut read) = (Instant::now(), Vec::new());
        let error = timed.read_to_end(&mut read).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(began.elapsed() < Duration::from_secs(5) && !read.is_empty());

        // After that, reading goes on. Even a time of nothing is enough for what has arrived.
        std::thread::sleep(Duration::from_millis(100));
        timed.set_timeout(Duration::ZERO);
        assert_eq!(timed.read(&mut [0]).unwrap(), 1);
        drop(timed);
        peer.join().unwrap();
    }
}
