//! Connections of which nothing comes: any user of the machine can open them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::visit::Visit;

/// Sends the start of a request.
fn start(host: &str, half: &str) -> TcpStream {
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(half.as_bytes()).unwrap();
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).unwrap();
    stream
}

/// Waits until the program closes the connection.
fn closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .expect("the program closes the connection");
    String::from_utf8(answer).unwrap()
}

#[test]
fn half_a_request_is_dropped_after_ten_seconds() {
    let visit = Visit::new();
    let host = visit.program.host.as_str();
    let halves = ["", "G", "GET /queue HTTP/1.1\r\nhost: "];
    let begun = Instant::now();
    let mut streams = halves.map(|half| start(host, half));
    for stream in &mut streams {
        let answer = closed(stream);
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    let took = begun.elapsed();
    let in_time = Duration::from_secs(8)..Duration::from_secs(20);
    assert!(in_time.contains(&took), "{took:?}");
    assert_eq!(visit.page("/queue").status, 200);
}

#[test]
fn half_a_request_does_not_keep_the_program_alive() {
    let mut visit = Visit::new();
    let host = visit.program.host.clone();
    let _half = start(&host, "GET /queue HTTP/1.1\r\nhost: ");
    let begun = Instant::now();
    let code = visit.program.terminate();
    assert_eq!(code, Some(0));
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
}
