//! A proxy between clients and relay, which changes requests and answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use waxseal_relay::RelayClient;

use super::{SOON, World};

/// Changes the bytes of a request or an answer.
pub type Change = Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>;

/// Starts a proxy, and returns a client that reaches the relay through it. The proxy passes on one
/// request and one answer per connection.
pub fn through_proxy(world: &World, request: Change, answer: Change) -> RelayClient {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let relay = world.address().to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (relay, request, answer) = (relay.clone(), request.clone(), answer.clone());
            std::thread::spawn(move || {
                let mut client = client.unwrap();
                let mut upstream = TcpStream::connect(relay).unwrap();
                let asked = read_message(&mut client);
                upstream.write_all(&request(asked)).unwrap();
                let answered = closing(read_message(&mut upstream));
                client.write_all(&answer(answered)).unwrap();
            });
        }
    });
    RelayClient::new(&url).unwrap()
}

/// Tells the client that the connection is closed after this answer, unless it becomes a WebSocket.
/// Otherwise the client may use the connection again before it notices.
fn closing(mut answer: Vec<u8>) -> Vec<u8> {
    let is_upgrade = answer.starts_with(b"HTTP/1.1 101");
    let end = answer.windows(2).position(|end| end == b"\r\n");
    if let Some(end) = end.filter(|_| !is_upgrade) {
        answer.splice(end..end, *b"\r\nconnection: close");
    }
    answer
}

/// Reads a head, and as many bytes of a body as it announces.
fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let len = head.lines().find_map(|line| {
                let len = line.strip_prefix("content-length:")?;
                len.trim().parse::<usize>().ok()
            });
            if bytes.len() >= end + 4 + len.unwrap_or(0) {
                return bytes;
            }
        }
        let mut more = [0; 4_096];
        match stream.read(&mut more) {
            Ok(0) | Err(_) => return bytes,
            Ok(read) => bytes.extend_from_slice(&more[..read]),
        }
    }
}

pub fn unchanged() -> Change {
    Arc::new(|bytes| bytes)
}
