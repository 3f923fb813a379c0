//! A proxy between browser and program that can take away what protects the pages, and an address
//! that nobody may load.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What the proxy takes away.
#[derive(Default)]
pub struct Taken {
    /// Turns `&lt;` and the like back into what was escaped.
    pub escaping: AtomicBool,
    /// Removes the content security policy.
    pub policy: AtomicBool,
}

/// A proxy in front of the program at `host`.
pub struct Proxy {
    pub host: String,
    pub taken: Arc<Taken>,
}

impl Proxy {
    pub fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (to, taken) = (to.to_owned(), Arc::<Taken>::default());
        let (own, shared) = (host.clone(), Arc::clone(&taken));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (to, own, taken) = (to.clone(), own.clone(), Arc::clone(&shared));
                std::thread::spawn(move || pass(stream, &to, &own, &taken));
            }
        });
        Self { host, taken }
    }
}

/// Passes one request on, and its answer back.
fn pass(mut stream: TcpStream, to: &str, own: &str, taken: &Taken) -> Option<()> {
    let request = read_request(&mut stream)?;
    let split = request.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&request[..split]).into_owned();
    let head = head.replace(own, to);
    let lines = head.lines().filter(|line| {
        let line = line.to_lowercase();
        !line.starts_with("connection:") && !line.starts_with("accept-encoding:")
    });
    let head = lines.collect::<Vec<_>>().join("\r\n") + "\r\nconnection: close";
    let mut program = TcpStream::connect(to).ok()?;
    program.write_all(head.as_bytes()).ok()?;
    program.write_all(&request[split..]).ok()?;
    let mut answer = Vec::new();
    program.read_to_end(&mut answer).ok()?;
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let mut body = answer[split + 4..].to_vec();
    let is_page = head.contains("text/html");
    if is_page && taken.escaping.load(Ordering::SeqCst) {
        let text = String::from_utf8(body).ok()?;
        let text = text.replace("&lt;", "<").replace("&gt;", ">");
        let text = text.replace("&quot;", "\"").replace("&#39;", "'");
        body = text.replace("&amp;", "&").into_bytes();
    }
    let lines = head.lines().filter(|line| {
        let line = line.to_lowercase();
        let is_policy = line.starts_with("content-security-policy");
        !(line.starts_with("content-length")
            || line.starts_with("transfer-encoding")
            || is_policy && taken.policy.load(Ordering::SeqCst))
    });
    let head = lines.collect::<Vec<_>>().join("\r\n");
    let len = body.len();
    stream
        .write_all(format!("{head}\r\ncontent-length: {len}\r\n\r\n").as_bytes())
        .ok()?;
    stream.write_all(&body).ok()
}

fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut request, mut buffer) = (Vec::new(), [0; 16 << 10]);
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let Some(split) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..split]).to_lowercase();
        let len = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ").map(str::trim));
        let len: usize = len.map_or(0, |len| len.parse().unwrap());
        if request.len() >= split + 4 + len {
            return Some(request);
        }
    }
}

/// A server that notes what is loaded from it.
pub struct Canary {
    pub host: String,
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl Canary {
    /// Starts it. It answers every request with this page.
    pub fn start(page: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (page, asked) = (page.to_owned(), Arc::<Mutex<Vec<String>>>::default());
        let notes = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Some(request) = read_request(&mut stream) else {
                    continue;
                };
                let request = String::from_utf8_lossy(&request).into_owned();
                notes.lock().unwrap().push(request);
                let len = page.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\
                     content-length: {len}\r\n\r\n{page}"
                );
                let _ = stream.write_all(head.as_bytes());
            }
        });
        Self { host, asked }
    }

    /// The requests since it was last asked.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}
