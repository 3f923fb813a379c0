//! The WebSocket on which frames pass in both directions.

use std::fmt;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tungstenite::client::{ClientRequestBuilder, client_with_config};
use tungstenite::http::{Response, Uri};
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use super::timed::TimedStream;
use super::{LinkError, text_headers};
use crate::exchange::{HttpAnswer, HttpRequest};
use crate::frame::MAX_FRAME_LEN;

/// A relay that sends nothing for this long counts as gone. In this time it pings three times.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum time for the relay to close the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// An open WebSocket for deliveries. [`Link::connect`](super::Link::connect) opens it.
///
/// Pings are answered within [`next`](Self::next), so call it at least every minute.
pub struct Frames {
    socket: WebSocket<MaybeTlsStream<TimedStream>>,
    heard_at: Instant,
}

impl Frames {
    /// Opens a WebSocket on a connection. If the relay refuses, returns its answer alone.
    pub(super) fn open(
        stream: MaybeTlsStream<TimedStream>,
        uri: Uri,
        request: &HttpRequest,
    ) -> Result<(HttpAnswer, Option<Self>), LinkError> {
        let mut builder = ClientRequestBuilder::new(uri);
        for (name, value) in &request.headers {
            builder = builder.with_header(*name, value);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(16 << 10)
            .max_message_size(Some(MAX_FRAME_LEN))
            .max_frame_size(Some(MAX_FRAME_LEN));
        match client_with_config(builder, stream, Some(config)) {
            Ok((socket, answer)) => {
                let frames = Self {
                    socket,
                    heard_at: Instant::now(),
                };
                // Bytes after the answer's head, if any, are frames and not a body.
                Ok((read(&answer.map(|_| None)), Some(frames)))
            }
            Err(HandshakeError::Failure(Error::Http(answer))) => Ok((read(&answer), None)),
            Err(HandshakeError::Failure(error)) => Err(failed(error)),
            Err(HandshakeError::Interrupted(_)) => Err(LinkError::unreachable("timed out")),
        }
    }

    /// Waits for the relay's next frame, of at most [`MAX_FRAME_LEN`] bytes. Returns `None` if
    /// there was none within `wait`. After an error, connect again.
    ///
    /// # Errors
    /// [`LinkError::Unreachable`], also if the relay closed the connection.
    pub fn next(&mut self, wait: Duration) -> Result<Option<Vec<u8>>, LinkError> {
        let began = Instant::now();
        loop {
            if self.heard_at.elapsed() > SILENCE_TIMEOUT {
                return Err(LinkError::unreachable("the relay fell silent"));
            }
            let left = wait
                .saturating_sub(began.elapsed())
                .clamp(Duration::from_millis(1), SILENCE_TIMEOUT);
            self.set_read_timeout(left)?;
            match self.socket.read() {
                Ok(message) => {
                    self.heard_at = Instant::now();
                    match message {
                        Message::Binary(frame) => return Ok(Some(frame.into())),
                        Message::Text(_) => {
                            return Err(LinkError::unreachable("it sent text, which is no frame"));
                        }
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

    /// Sends a frame.
    ///
    /// # Errors
    /// [`LinkError::Unreachable`]: the frame may have arrived or not.
    pub fn send(&mut self, frame: Vec<u8>) -> Result<(), LinkError> {
        let sent = self.socket.send(Message::Binary(frame.into()));
        sent.map_err(failed)
    }

    /// Closes the connection and waits until the relay has received every frame. Gives up if the
    /// relay is silent, or goes on sending, for ten seconds.
    pub fn close(mut self) {
        let deadline = Instant::now().checked_add(CLOSE_TIMEOUT);
        if self.set_read_timeout(CLOSE_TIMEOUT).is_err() || self.socket.close(None).is_err() {
            return;
        }
        // Drops deliveries that still arrive. They were not acknowledged, so they come again.
        while deadline.is_some_and(|deadline| Instant::now() < deadline) {
            if self.socket.read().is_err() {
                return;
            }
        }
    }

    fn set_read_timeout(&mut self, timeout: Duration) -> Result<(), LinkError> {
        match self.socket.get_mut() {
            MaybeTlsStream::Plain(stream) => stream.set_timeout(timeout),
            MaybeTlsStream::Rustls(tls) => tls.sock.set_timeout(timeout),
            _ => {
                let why = "not a connection that this client makes";
                return Err(LinkError::unreachable(why));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").finish_non_exhaustive()
    }
}

fn read(answer: &Response<Option<Vec<u8>>>) -> HttpAnswer {
    HttpAnswer {
        status: answer.status().as_u16(),
        headers: text_headers(answer.headers()),
        body: answer.body().clone().unwrap_or_default(),
    }
}

fn failed(error: Error) -> LinkError {
    match error {
        Error::Io(error) => LinkError::of_io(&error),
        error => LinkError::Unreachable(error.to_string()),
    }
}

fn closed(frame: Option<CloseFrame>) -> LinkError {
    match frame {
        // The reason is left out: it is text of anyone on the way, and errors are shown.
        Some(frame) => {
            LinkError::Unreachable(format!("closed with code {}", u16::from(frame.code)))
        }
        None => LinkError::unreachable("closed without a reason"),
    }
}

/// Whether a read timed out. Platforms report it as different errors.
fn timed_out(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
