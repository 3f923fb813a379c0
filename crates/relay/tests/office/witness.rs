//! A witness that answers over HTTP, and can be told to be silent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use waxseal_log::note::{Cosigner, Verifier};
use waxseal_log::witness::Witness;

pub struct WitnessServer {
    pub key: Verifier,
    pub url: String,
    cosigner: Cosigner,
    listener: Option<TcpListener>,
    is_silent: Arc<AtomicBool>,
    /// Number of requests, also of those that got no answer.
    pub asked: Arc<AtomicUsize>,
}

impl WitnessServer {
    pub fn start() -> Self {
        let cosigner = Cosigner::generate("witness.example/north", &mut rand::rng()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            key: cosigner.verifier(),
            url: format!("http://{}/north", listener.local_addr().unwrap()),
            cosigner,
            listener: Some(listener),
            is_silent: Arc::default(),
            asked: Arc::default(),
        }
    }

    /// Answers for this log from now on.
    pub fn serve(&mut self, log: Verifier) {
        let witness = Witness::new(self.cosigner.clone(), vec![log]).unwrap();
        let witness = Arc::new(Mutex::new(witness));
        let listener = self.listener.take().unwrap();
        let (is_silent, asked) = (self.is_silent.clone(), self.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (witness, is_silent) = (witness.clone(), is_silent.clone());
                asked.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || answer(stream, &witness, &is_silent));
            }
        });
    }

    /// Whether it gives no answer.
    pub fn be_silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::SeqCst);
    }
}

fn answer(mut stream: TcpStream, witness: &Mutex<Witness>, is_silent: &AtomicBool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut len, mut line) = (0, String::new());
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "POST /north/add-checkpoint HTTP/1.1\r\n");
    loop {
        line.clear();
        if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix("content-length: ") {
            len = number.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).unwrap();
    if is_silent.load(Ordering::SeqCst) {
        return;
    }
    let secs = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let (status, body) = match witness.lock().unwrap().add(&body, secs) {
        Ok(line) => (200, format!("{line}\n")),
        Err(refusal) => (refusal.status(), refusal.body()),
    };
    let len = body.len();
    let head = format!("HTTP/1.1 {status} answer\r\ncontent-length: {len}\r\n");
    let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes());
}
