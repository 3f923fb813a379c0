//! HTTP over one connection that stays open: as little work for a message as a client can have, so
//! that the load costs little next to the relay.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FusedStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use waxseal_interface::{HttpAnswer, HttpRequest};

/// Maximum time that a connection takes, and an answer. The relay takes 20 seconds at most.
const PATIENCE: Duration = Duration::from_secs(25);

/// What a request for a WebSocket has besides its other headers. The key is that of RFC 6455: it
/// only shows that the server speaks the protocol.
const UPGRADE: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A connection to a relay.
pub(super) struct Http {
    stream: TcpStream,
    /// What was received and not read.
    received: Vec<u8>,
}

/// A WebSocket for deliveries.
pub(super) type Frames = WebSocketStream<TcpStream>;

impl Http {
    /// Connects to a port of this machine. `from` is the address that the relay sees.
    pub(super) async fn connect(port: u16, from: Ipv4Addr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let relay = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = timeout(PATIENCE, socket.connect(relay)).await??;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// Sends a request and waits for the answer.
    pub(super) async fn call(&mut self, request: &HttpRequest) -> io::Result<HttpAnswer> {
        timeout(PATIENCE, self.exchange(request, "")).await?
    }

    /// Opens a WebSocket. `None` next to the answer if the relay refused.
    pub(super) async fn upgrade(
        mut self,
        request: &HttpRequest,
    ) -> io::Result<(HttpAnswer, Option<Frames>)> {
        let answer = timeout(PATIENCE, self.exchange(request, UPGRADE)).await??;
        if answer.status != 101 {
            return Ok((answer, None));
        }
        let (stream, received) = (self.stream, self.received);
        let frames = Frames::from_partially_read(stream, received, Role::Client, None).await;
        debug_assert!(!frames.is_terminated());
        Ok((answer, Some(frames)))
    }

    async fn exchange(&mut self, request: &HttpRequest, more: &str) -> io::Result<HttpAnswer> {
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
        head.push_str("host: relay\r\n");
        for (name, value) in &request.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str(more);
        head.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&request.body);
        self.stream.write_all(&bytes).await?;
        let (mut answer, head_len, body_len) = loop {
            if let Some(head) = read_head(&self.received)? {
                break head;
            }
            self.receive().await?;
        };
        let end = head_len + body_len;
        while self.received.len() < end {
            self.receive().await?;
        }
        answer.body = self.received[head_len..end].to_vec();
        self.received.drain(..end);
        Ok(answer)
    }

    async fn receive(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Reads the head of an answer, if it is there. Returns it with its length and that of the body.
fn read_head(bytes: &[u8]) -> io::Result<Option<(HttpAnswer, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(bytes).map_err(io::Error::other)?;
    let httparse::Status::Complete(head_len) = parsed else {
        return Ok(None);
    };
    let text = |header: &httparse::Header<'_>| {
        let value = std::str::from_utf8(header.value).ok()?;
        Some((header.name.to_owned(), value.to_owned()))
    };
    let answer = HttpAnswer {
        status: head.code.unwrap_or_default(),
        headers: head.headers.iter().filter_map(text).collect(),
        body: Vec::new(),
    };
    let body_len = match answer.header("content-length") {
        Some(len) => len.parse().map_err(io::Error::other)?,
        None if [101, 204].contains(&answer.status) => 0,
        None => return Err(io::Error::other("an answer without a length")),
    };
    Ok(Some((answer, head_len, body_len)))
}

/// Closes a connection, and waits until the relay has read all that was sent on it.
pub(super) async fn close(mut frames: Frames) {
    let closing = async {
        frames.close(None).await.ok()?;
        while frames.next().await?.is_ok() {}
        Some(())
    };
    let _ = timeout(Duration::from_secs(2), closing).await;
}
