use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;
use crate::fixture::database;
use crate::store::postgres::Postgres;

#[test]
fn a_relay_hears_when_the_newest_was_told_of_what_came_back() {
    let (mut beats, mut others) = (Beats::new(), Beats::new());
    let first = beats.next().unwrap();
    assert!(beats.next().is_none(), "it is not time for it");
    let told_at = beats.told.back().unwrap().1;
    let mut text = String::new();
    News::Queued(7).write(&mut text);
    others.next().unwrap().write(&mut text);
    first.write(&mut text);
    News::Account(8).write(&mut text);
    let news: Vec<News> = News::read(&text).collect();
    assert_eq!(news, [News::Queued(7), News::Account(8)]);
    let read: Vec<Beat> = Beat::read(&text).collect();
    let [of_others, own] = read[..] else {
        panic!("{text}");
    };
    assert!(!beats.hear(of_others));
    assert!(beats.hear(own) && beats.heard_at == told_at);
    assert!(!beats.hear(own), "it came twice");
    let long_ago = Instant::now().checked_sub(2 * BEAT).unwrap();
    beats.heard_at = long_ago;
    assert!(beats.next().is_some() && beats.next().is_none());
}

/// The port of a way to the server. While it is deaf, it does not pass on what is told, as some
/// poolers do not.
fn way_to(port: u16, is_deaf: &Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let way = listener.local_addr().unwrap().port();
    let is_deaf = is_deaf.clone();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                return;
            };
            let (mut asks, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut asks, &mut asked);
                let _ = asked.shutdown(Shutdown::Both);
            });
            let is_deaf = is_deaf.clone();
            thread::spawn(move || answers(server, client, &is_deaf));
        }
    });
    way
}

fn answers(mut from: TcpStream, mut to: TcpStream, is_deaf: &AtomicBool) -> io::Result<()> {
    loop {
        let mut message = vec![0; 5]; // the type, and the length with itself
        from.read_exact(&mut message)?;
        let length = u32::from_be_bytes(*message.last_chunk().unwrap());
        message.resize(1 + length as usize, 0);
        from.read_exact(&mut message[5..])?;
        let is_notification = message[0] == b'A';
        if !(is_notification && is_deaf.load(Ordering::Relaxed)) {
            to.write_all(&message)?;
        }
    }
}

/// Keeps what it hears.
#[derive(Default)]
struct Heard(Mutex<Vec<News>>);

impl Ear for Heard {
    fn hear(&self, news: News) {
        self.0.lock().unwrap().push(news);
    }

    fn connected(&self) -> HashMap<i64, i64> {
        HashMap::new()
    }

    fn found(&self, _: i64, _: i64, _: i64) {}

    fn went_back(&self) {}
}

/// Waits until it holds, for some seconds.
fn until(holds: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it does not happen"
        );
        thread::sleep(Duration::from_millis(10));
    }
    began.elapsed()
}

#[test]
fn a_database_whose_news_do_not_come_counts_as_lost_until_they_come() {
    let (options, server) = database();
    let (Some(url), Some(server)) = (options.database, server) else {
        return;
    };
    let is_deaf = Arc::new(AtomicBool::new(false));
    let way = way_to(server.port(), &is_deaf).to_string();
    let url = url.replace(&server.port().to_string(), &way);
    let postgres = Postgres::open(&url, 1).unwrap();
    let heard = Arc::new(Heard::default());
    postgres.hear(heard.clone());
    let has = |news: News| heard.0.lock().unwrap().contains(&news);
    postgres.tell(News::Account(1));
    until(|| has(News::Account(1)));
    thread::sleep(SILENT + BEAT);
    assert!(!postgres.is_lost() && postgres.losses() == 0);

    is_deaf.store(true, Ordering::Relaxed);
    heard.0.lock().unwrap().clear();
    let took = until(|| postgres.is_lost());
    assert!(took < 2 * SILENT, "{took:?}");
    // It stays so, however often it connects again.
    for _ in 0..60 {
        assert!(postgres.is_lost());
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(postgres.losses(), 1);

    // What is in memory is forgotten once the database is there, and before requests are taken.
    assert!(!has(News::Missed));
    is_deaf.store(false, Ordering::Relaxed);
    until(|| !postgres.is_lost());
    assert!(has(News::Missed));
    postgres.tell(News::Account(2));
    until(|| has(News::Account(2)));
}

#[test]
fn news_that_fill_all_their_room_keep_no_beat_back() {
    let (options, _server) = database();
    let Some(url) = options.database else {
        return;
    };
    let postgres = Arc::new(Postgres::open(&url, 1).unwrap());
    let heard = Arc::new(Heard::default());
    postgres.hear(heard.clone());
    let has = |news: News| heard.0.lock().unwrap().contains(&news);
    let is_over = Arc::new(AtomicBool::new(false));
    let flooding = {
        let (postgres, is_over) = (postgres.clone(), is_over.clone());
        thread::spawn(move || {
            let telling = postgres.news.clone().unwrap();
            while !is_over.load(Ordering::Relaxed) {
                let _ = telling.try_send(Told::News(News::Account(1)));
            }
        })
    };
    thread::sleep(3 * SILENT);
    assert_eq!(postgres.losses(), 0);
    is_over.store(true, Ordering::Relaxed);
    flooding.join().unwrap();
    // Word of messages leaves room for the rest.
    until(|| postgres.news.as_ref().unwrap().capacity() == super::super::MAX_NEWS);
    for _ in 0..2 * super::super::MAX_NEWS {
        postgres.tell(News::Queued(2));
    }
    postgres.tell(News::Connected {
        device: 3,
        number: 4,
    });
    until(|| {
        has(News::Connected {
            device: 3,
            number: 4,
        })
    });
}

#[test]
fn the_first_beat_of_a_connection_has_more_time_than_the_others() {
    let mut beats = Beats::new();
    let ago = |time: Duration| Instant::now().checked_sub(time).unwrap();
    beats.heard_at = ago(2 * SILENT);
    assert!(!beats.is_silent());
    beats.heard_at = ago(FIRST + BEAT);
    assert!(beats.is_silent());
    let beat = beats.next().unwrap();
    assert!(beats.hear(beat) && !beats.is_silent());
    beats.heard_at = ago(SILENT + BEAT);
    assert!(beats.is_silent());
}
