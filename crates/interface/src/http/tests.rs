use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

use super::*;
use crate::{HttpRequest, MAX_FRAME_LEN, Request};

const SOON: Duration = Duration::from_secs(10);

/// A peer that takes one connection, and a link to it.
fn peer<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Link, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = Link::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        serve(stream)
    });
    (link, serving)
}

/// Reads a request up to `end`, and answers it.
fn answering(end: &'static str, answer: Vec<u8>) -> (Link, JoinHandle<String>) {
    peer(move |mut stream| {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            read.push(byte[0]);
        }
        // The client may give up before it has read a long answer.
        let _ = stream.write_all(&answer);
        String::from_utf8(read).unwrap()
    })
}

/// A relay that opens the WebSocket, and the client's side of it.
fn socket(serve: impl FnOnce(WebSocket<TcpStream>) + Send + 'static) -> (Frames, JoinHandle<()>) {
    let (link, serving) = peer(|stream| serve(tungstenite::accept(stream).unwrap()));
    let (answer, frames) = link.connect(&deliveries()).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (101, &b""[..]));
    (frames.unwrap(), serving)
}

fn deliveries() -> HttpRequest {
    let asked = Request::Deliveries.ask(Some("token"), &mut rand::rng());
    asked.unwrap().0
}

fn why<T: std::fmt::Debug>(result: Result<T, LinkError>) -> String {
    let LinkError::Unreachable(why) = result.unwrap_err() else {
        panic!("another error");
    };
    why
}

#[test]
fn a_call_sends_the_request_and_returns_the_answer_as_it_is() {
    let answer = b"HTTP/1.1 404 x\r\nWaxseal-Nonce: n\r\ncontent-length: 5\r\n\r\nno\r\n!".to_vec();
    let (link, serving) = answering("the body", answer);
    let report = Request::Report(b"the body".to_vec());
    let (request, _) = report.ask(Some("token"), &mut rand::rng()).unwrap();
    let answer = link.call(&request).unwrap();
    assert_eq!((answer.status, &*answer.body), (404, &b"no\r\n!"[..]));
    assert_eq!(answer.header("waxseal-nonce"), Some("n"));
    let sent = serving.join().unwrap();
    assert!(sent.starts_with("POST /v1/reports HTTP/1.1\r\n"), "{sent}");
    for (name, value) in &request.headers {
        assert!(sent.contains(&format!("\r\n{name}: {value}\r\n")), "{name}");
    }
}

#[test]
fn a_post_without_a_body_says_that_its_body_is_empty() {
    let answer = b"HTTP/1.1 204 x\r\n\r\n".to_vec();
    let (link, serving) = answering("\r\n\r\n", answer);
    let (request, _) = Request::Challenge.ask(None, &mut rand::rng()).unwrap();
    assert_eq!(link.call(&request).unwrap().status, 204);
    let sent = serving.join().unwrap().to_lowercase();
    assert!(sent.contains("\r\ncontent-length: 0\r\n"), "{sent}");
}

#[test]
fn redirects_are_not_followed() {
    let moved = "HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n";
    let (link, _serving) = answering("\r\n\r\n", moved.into());
    let (request, _) = Request::Card.ask(None, &mut rand::rng()).unwrap();
    assert_eq!(link.call(&request).unwrap().status, 307);
}

#[test]
fn an_answer_has_a_bound() {
    for (len, fits) in [(4 << 20, true), ((4 << 20) + 1, false)] {
        let mut answer = format!("HTTP/1.1 200 x\r\ncontent-length: {len}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + len, 0);
        let (link, _serving) = answering("\r\n\r\n", answer);
        let (request, _) = Request::Card.ask(None, &mut rand::rng()).unwrap();
        assert_eq!(link.call(&request).is_ok(), fits, "{len}");
    }
}

#[test]
fn a_peer_that_does_not_speak_http_is_named() {
    let (link, _serving) = answering("\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x46".to_vec());
    let (request, _) = Request::Card.ask(None, &mut rand::rng()).unwrap();
    assert!(why(link.call(&request)).contains("give https://"));
}

#[test]
fn a_refused_websocket_is_an_answer() {
    let refusal = b"HTTP/1.1 401 x\r\nWaxseal-Answer-Mac: m\r\ncontent-length: 2\r\n\r\n{}";
    let (link, serving) = answering("\r\n\r\n", refusal.to_vec());
    let (answer, frames) = link.connect(&deliveries()).unwrap();
    assert!(frames.is_none());
    assert_eq!((answer.status, answer.body.as_slice()), (401, &b"{}"[..]));
    assert_eq!(answer.header("waxseal-answer-mac"), Some("m"));
    let sent = serving.join().unwrap();
    assert!(
        sent.starts_with("GET /v1/deliveries HTTP/1.1\r\n"),
        "{sent}"
    );
    for (name, value) in deliveries().headers {
        let line = if name == "waxseal-nonce" {
            format!("\r\n{name}: ")
        } else {
            format!("\r\n{name}: {value}\r\n")
        };
        assert!(sent.contains(&line), "{sent}");
    }
}

#[test]
fn frames_pass_in_both_directions_and_pings_are_answered() {
    let (mut frames, serving) = socket(|mut socket| {
        socket.send(Message::Ping(b"p".to_vec().into())).unwrap();
        socket
            .send(Message::Binary(b"one".to_vec().into()))
            .unwrap();
        assert_eq!(socket.read().unwrap(), Message::Pong(b"p".to_vec().into()));
        assert_eq!(
            socket.read().unwrap(),
            Message::Binary(b"two".to_vec().into())
        );
        assert!(socket.read().unwrap().is_close());
    });
    assert_eq!(frames.next(SOON).unwrap().as_deref(), Some(&b"one"[..]));
    let (began, wait) = (Instant::now(), Duration::from_millis(50));
    assert_eq!(frames.next(wait).unwrap(), None);
    assert!(began.elapsed() >= wait);
    frames.send(b"two".to_vec()).unwrap();
    assert_eq!(format!("{frames:?}"), "Frames { .. }");
    frames.close();
    serving.join().unwrap();
}

#[test]
fn a_close_is_an_error_that_does_not_quote_the_reason() {
    let (mut frames, _serving) = socket(|mut socket| {
        let (code, reason) = (4_000.into(), "visit other.example".into());
        socket.close(Some(CloseFrame { code, reason })).unwrap();
    });
    assert_eq!(why(frames.next(SOON)), "closed with code 4000");
}

#[test]
fn text_and_frames_that_are_too_long_are_refused() {
    let longest = vec![0; MAX_FRAME_LEN];
    let too_long = vec![0; MAX_FRAME_LEN + 1];
    for refused in [
        Message::Text("text".into()),
        Message::Binary(too_long.into()),
    ] {
        let longest = longest.clone();
        let (mut frames, _serving) = socket(move |mut socket| {
            socket.send(Message::Binary(longest.into())).unwrap();
            let _ = socket.send(refused);
        });
        let taken = frames.next(SOON).unwrap().map(|frame| frame.len());
        assert_eq!(taken, Some(MAX_FRAME_LEN));
        why(frames.next(SOON));
    }
}
