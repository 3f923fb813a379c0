//! The vault's side: answers one request per connection.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use waxseal_reporting::Timestamp;

use super::frame::Deadline;
use super::stream::{Listener, Stream};
use crate::vault::requests::{Answer, MAX_REQUEST_LEN, Request};
use crate::vault::{VaultCalls, VaultError};

/// Maximum number of connections at once. More are closed without an answer. Bounds the memory that
/// unfinished requests take.
pub const MAX_CONNECTIONS: usize = 16;

/// Pause after a failure to accept a connection, so that a lasting error does not keep a core busy.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers requests until `stop` is set. A process that sets it connects once more, so that the
/// vault notices.
///
/// # Errors
/// An I/O error if no further thread can be started.
pub fn serve(
    listener: &Listener,
    vault: impl VaultCalls + Send,
    clock: impl Fn() -> Timestamp + Sync,
    stop: &AtomicBool,
) -> io::Result<()> {
    let (vault, open) = (Mutex::new(vault), AtomicUsize::new(0));
    thread::scope(|scope| {
        loop {
            let stream = listener.accept();
            if stop.load(Ordering::SeqCst) {
                return Ok(());
            }
            let Ok(mut stream) = stream else {
                thread::sleep(PAUSE);
                continue;
            };
            if open.load(Ordering::SeqCst) >= MAX_CONNECTIONS {
                continue;
            }
            let place = Place::take(&open);
            let (vault, clock) = (&vault, &clock);
            thread::Builder::new().spawn_scoped(scope, move || {
                let _place = place;
                // If the connection breaks, the client asks again.
                let _ = answer(&mut stream, vault, clock);
            })?;
        }
    })
}

/// A place among the open connections, given back on drop.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(open: &'a AtomicUsize) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(open)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn answer(
    stream: &mut Stream,
    vault: &Mutex<impl VaultCalls>,
    clock: impl Fn() -> Timestamp,
) -> io::Result<()> {
    let deadline = Deadline::new();
    let request = deadline.read(stream, MAX_REQUEST_LEN)?;
    let answer = match Request::decode(&request) {
        Err(_) => Answer::Refused(VaultError::Malformed),
        Ok(request) => {
            // A call changes the vault only in complete steps, so a panic leaves it consistent.
            let mut vault = vault.lock().unwrap_or_else(PoisonError::into_inner);
            request.answer(&mut *vault, clock())
        }
    };
    deadline.write(stream, &answer.encode())
}
