//! Deliveries: a WebSocket on which the relay sends the messages queued for a device.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tungstenite::client::{ClientRequestBuilder, client_with_config};
use tungstenite::http::Response;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, HandshakeError, Message, WebSocket};
use waxseal_interface::{
    Answer, AskedRequest, Event, FrameMacs, MAX_FRAME_LEN, NONCE_HEADER, decode_nonce,
};

use crate::error::ClientError;
use crate::link::{Link, io_reason};
use crate::session::{Caller, DeviceSession, NOT_AUTHENTIC, check_answer};
use crate::system_rng::system_rng;
use crate::timed::TimedStream;

/// A relay that sends nothing for this long counts as gone. In this time it pings three times.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);

const PATH: &str = "/v1/deliveries";

/// Maximum time for connecting, for a write, and for the relay to close the connection.
const SHORT_TIMEOUT: Duration = Duration::from_secs(10);

/// A device's connection for deliveries.
///
/// ```text
/// relay  -> Event::Delivery        a message; at most 64 are unanswered at a time
/// relay  -> Event::CaughtUp        all queued messages were sent on this connection
/// client -> Answer::Acknowledged   the relay deletes the message
/// client -> Answer::PutOff         the message comes again on the next connection
/// ```
///
/// Each is a binary frame, with a MAC at its end: see [`FrameMacs`].
///
/// Acknowledge deliveries that `Client::receive` has committed or says to drop. Call
/// [`keep`](Self::keep) for deliveries that `Client::receive` can neither open nor drop yet:
/// otherwise 64 of them would block all later ones. Pings are answered within [`next`](Self::next),
/// so call it at least every minute.
///
/// # Security
/// A frame that the relay did not make for this connection, or not as the next one, ends the
/// connection: [`ClientError::Unreachable`]. So does a close frame, whatever reason it gives,
/// because nothing authenticates the reason. Connect again: if the token has expired, for example,
/// the relay's answer says so and is authenticated.
pub struct Deliveries {
    socket: WebSocket<MaybeTlsStream<TimedStream>>,
    macs: FrameMacs,
    heard_at: Instant,
}

impl Deliveries {
    pub(crate) fn connect(link: &Link, device: &DeviceSession) -> Result<Self, ClientError> {
        let stream = link.connect(SHORT_TIMEOUT)?;
        let uri = link
            .url("ws", PATH)
            .parse()
            .map_err(|_| ClientError::BadUrl)?;
        let asked = AskedRequest::new("GET", PATH, b"", &mut system_rng());
        let mut request = ClientRequestBuilder::new(uri)
            .with_header("authorization", format!("Bearer {}", device.session.token));
        for (name, value) in asked.headers() {
            request = request.with_header(name, value);
        }
        let check = |answer: &Response<Option<Vec<u8>>>| {
            let header = |name| answer.headers().get(name)?.to_str().ok();
            let body = answer.body().as_deref().unwrap_or_default();
            let status = answer.status().as_u16();
            check_answer(Caller::Device(device), &asked, header, status, body)
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(16 << 10)
            .max_message_size(Some(MAX_FRAME_LEN))
            .max_frame_size(Some(MAX_FRAME_LEN));
        let connected = client_with_config(request, stream, Some(config));
        let (socket, answer) = connected.map_err(|error| match error {
            HandshakeError::Failure(Error::Http(answer)) => match check(&answer) {
                Ok(()) => failed(Error::Http(answer)),
                Err(error) => error,
            },
            HandshakeError::Failure(error) => failed(error),
            HandshakeError::Interrupted(_) => unreachable("timed out"),
        })?;
        // Bytes after the answer's head, if any, are frames and not a body.
        let answer = answer.map(|_| None);
        check(&answer)?;
        let nonce = answer.headers().get(NONCE_HEADER);
        let nonce = nonce.and_then(|nonce| decode_nonce(nonce.to_str().ok()?));
        let nonce = nonce.ok_or_else(not_authentic)?;
        Ok(Self {
            socket,
            macs: FrameMacs::of_device(&device.delivery_key, &asked, &nonce),
            heard_at: Instant::now(),
        })
    }

    /// Waits for the relay's next event. Returns `None` if there was none within `wait`. After an
    /// error, connect again.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Malformed`].
    pub fn next(&mut self, wait: Duration) -> Result<Option<Event>, ClientError> {
        let began = Instant::now();
        loop {
            if self.heard_at.elapsed() > SILENCE_TIMEOUT {
                return Err(unreachable("the relay fell silent"));
            }
            let left = wait
                .saturating_sub(began.elapsed())
                .clamp(Duration::from_millis(1), SILENCE_TIMEOUT);
            self.set_read_timeout(left)?;
            match self.socket.read() {
                Ok(message) => {
                    self.heard_at = Instant::now();
                    match message {
                        Message::Binary(frame) => return self.event(&frame).map(Some),
                        Message::Text(_) => return Err(not_authentic()),
                        Message::Close(frame) => return Err(closed(frame)),
                        // If this was a ping, flushing sends the pong that answers it.
                        _ => self.socket.flush().map_err(failed)?,
                    }
                }
                Err(Error::Io(error)) if timed_out(error.kind()) => {}
                Err(error) => return Err(failed(error)),
            }
            if began.elapsed() >= wait {
                return Ok(None);
            }
        }
    }

    /// Tells the relay that it may delete a delivery of this connection. Call this only after
    /// `Client::receive` has committed the delivery or said to drop it.
    ///
    /// # Errors
    /// [`ClientError`]: the delivery may come again.
    pub fn acknowledge(&mut self, id: u64) -> Result<(), ClientError> {
        self.answer(Answer::Acknowledged { id })
    }

    /// Tells the relay not to wait for an acknowledgement of this delivery. The delivery comes
    /// again on the next connection.
    ///
    /// # Errors
    /// [`ClientError`]: the delivery comes again in this case too.
    pub fn keep(&mut self, id: u64) -> Result<(), ClientError> {
        self.answer(Answer::PutOff { id })
    }

    fn answer(&mut self, answer: Answer) -> Result<(), ClientError> {
        let frame = self.macs.seal(answer.encode());
        let sent = self.socket.send(Message::Binary(frame.into()));
        sent.map_err(failed)
    }

    fn event(&mut self, frame: &[u8]) -> Result<Event, ClientError> {
        let content = self.macs.open(frame).ok_or_else(not_authentic)?;
        Event::decode(content).ok_or(ClientError::Malformed)
    }

    /// Closes the connection and waits until the relay has received every acknowledgement. Gives up
    /// if the relay is silent, or goes on sending, for ten seconds.
    pub fn close(mut self) {
        let deadline = Instant::now().checked_add(SHORT_TIMEOUT);
        if self.set_read_timeout(SHORT_TIMEOUT).is_err() || self.socket.close(None).is_err() {
            return;
        }
        // Drops deliveries that still arrive. They were not acknowledged, so they come again.
        while deadline.is_some_and(|deadline| Instant::now() < deadline) {
            if self.socket.read().is_err() {
                return;
            }
        }
    }

    fn set_read_timeout(&mut self, timeout: Duration) -> Result<(), ClientError> {
        match self.socket.get_mut() {
            MaybeTlsStream::Plain(stream) => stream.set_timeout(timeout),
            MaybeTlsStream::Rustls(tls) => tls.sock.set_timeout(timeout),
            _ => return Err(unreachable("not a connection that this client makes")),
        }
        Ok(())
    }
}

impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliveries").finish_non_exhaustive()
    }
}

fn failed(error: Error) -> ClientError {
    match error {
        Error::Http(answer) => {
            let body = answer.body().as_deref().unwrap_or_default();
            ClientError::refused(answer.status().as_u16(), body)
        }
        Error::Io(error) => ClientError::Unreachable(io_reason(&error)),
        error => unreachable(&error.to_string()),
    }
}

fn closed(frame: Option<tungstenite::protocol::CloseFrame>) -> ClientError {
    match frame {
        // The reason is left out: it is text of anyone on the way, and errors are shown.
        Some(frame) => unreachable(&format!("closed with code {}", u16::from(frame.code))),
        None => unreachable("closed without a reason"),
    }
}

fn not_authentic() -> ClientError {
    unreachable(NOT_AUTHENTIC)
}

fn unreachable(why: &str) -> ClientError {
    ClientError::Unreachable(why.to_owned())
}

/// Whether a read timed out. Platforms report it as different errors.
fn timed_out(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
