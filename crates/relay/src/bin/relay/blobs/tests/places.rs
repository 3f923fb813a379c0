//! The places in memory for parts and answers.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;

use super::*;
use crate::blobs::files::folder::Folder;
use crate::blobs::loads::{MAX_LOADS, MAX_OF_ONE};
use crate::serve::Stopping;

#[tokio::test]
async fn a_part_whose_client_hung_up_keeps_its_place_and_waits_for_others_for_a_short_time() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let other = relay.blobs.locks.lock(&first()).await.unwrap();
    for _ in 0..MAX_OF_ONE {
        let part = put_part(&relay, &alice, first(), 0, 6, b"sealed");
        let hung_up = tokio::time::timeout(Duration::from_millis(20), part).await;
        assert!(hung_up.is_err());
    }
    let more = put_part(&relay, &alice, first(), 0, 6, b"sealed").await;
    assert_eq!(more, Err(ErrorCode::TooManyRequests));
    // All of them give up, and so does one whose client waits.
    let busy = put_part(&relay, &bob, first(), 0, 6, b"others").await;
    assert_eq!(busy, Err(ErrorCode::Busy));
    drop(other);
    assert_eq!(count(&relay, "SELECT count(*) FROM blob").await, 0);
    put_all(&relay, &alice, first(), b"sealed").await;
}

/// A client with one connection, which asks for a blob and reads only what it says it reads.
async fn ask(relay: &Arc<Relay>, stopping: Stopping, path: &str, token: &str) -> DuplexStream {
    let (mut client, stream) = tokio::io::duplex(1 << 10);
    let router = crate::routes::router(relay.clone());
    tokio::spawn(crate::serve::serve_one(stream, router, stopping));
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {token}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    client
}

#[tokio::test]
async fn clients_that_read_nothing_stop_no_download_and_none_of_the_reviewer() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    put_all(&relay, &alice, first(), &content(1 << 20)).await;
    let session = relay.tokens.issue(&alice.holder(), relay.now().as_millis());
    let path = format!("/v1/blobs/{}/bytes?at=0&len=1048576", first().to_text());
    let (_stop, stopping) = watch::channel(false);
    // One client reads a line of its answer and no more. Other accounts take all other places.
    let mut silent = ask(&relay, Stopping(stopping), &path, &session.token).await;
    let mut line = [0; 15];
    silent.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 200 OK");
    let mut others = Vec::new();
    for place in 1..MAX_LOADS {
        let account = 100 + i64::try_from(place / MAX_OF_ONE).unwrap();
        let load = relay.blobs.answers.begin(account, &Leave::default()).await;
        others.push(load.unwrap());
    }
    let shown = relay.blobs.shown.begin(REVIEWER, &Leave::default()).await;
    assert!(shown.is_ok());
    let busy = get(&relay, &bob, first(), 0, 6).await;
    assert_eq!(busy, Err(ErrorCode::Busy));
    loads::tests::age(&relay.blobs.answers);
    assert!(get(&relay, &bob, first(), 0, 6).await.is_ok());
    // The silent client's connection was ended in the middle of its answer.
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() < 1 << 20);
}

#[tokio::test]
async fn a_file_that_cannot_be_removed_keeps_no_other_on_the_disk() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    for n in 1..4 {
        put_all(&relay, &alice, BlobId::from_bytes([n; 32]), b"sealed").await;
    }
    let name = file(&relay, 1, 0).await;
    let stuck = world.dir.path().join("blobs").join(&name);
    std::fs::remove_file(&stuck).unwrap();
    std::fs::create_dir(&stuck).unwrap();
    world.run(&relay, 31 * DAY).await;
    relay.clean_up().await.unwrap();
    assert_eq!(files(&relay).await, [name]);
    assert_eq!(count(&relay, "SELECT count(*) FROM blob").await, 0);
    // It is removed later.
    std::fs::remove_dir(&stuck).unwrap();
    std::fs::write(&stuck, b"sealed").unwrap();
    world.run(&relay, 2 * 3_600_000).await;
    relay.clean_up().await.unwrap();
    assert!(files(&relay).await.is_empty());
    for rows in ["blob_part", "blob_loose", "blob_ended"] {
        let sql: &'static str = format!("SELECT count(*) FROM {rows}").leak();
        assert_eq!(count(&relay, sql).await, 0);
    }
}

/// A folder that is read only once it may be.
struct Waiting {
    folder: Folder,
    may_read: Arc<Mutex<()>>,
}

impl Files for Waiting {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.folder.put(name, bytes)
    }

    fn read(&self, name: &str, at: u64, len: usize) -> io::Result<Vec<u8>> {
        drop(self.may_read.lock());
        self.folder.read(name, at, len)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        self.folder.len(name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn place(&self) -> String {
        self.folder.place()
    }

    fn list(&self) -> io::Result<files::Pages> {
        self.folder.list()
    }
}

#[tokio::test]
async fn a_read_whose_client_hung_up_keeps_its_place_as_long_as_the_store_takes() {
    let (mut world, may_read) = (World::at(NOW), Arc::new(Mutex::new(())));
    world.files = Some(Arc::new(Waiting {
        folder: Folder::open(&world.dir.path().join("blobs")).unwrap(),
        may_read: may_read.clone(),
    }));
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    put_all(&relay, &alice, first(), b"sealed").await;
    let (begun, begins) = std::sync::mpsc::channel();
    let (end, ends) = std::sync::mpsc::channel::<()>();
    let holding = std::thread::spawn(move || {
        let _only = may_read.lock();
        begun.send(()).unwrap();
        let _ = ends.recv();
    });
    begins.recv().unwrap();
    for _ in 0..MAX_OF_ONE {
        let read = get(&relay, &alice, first(), 0, 6);
        let hung_up = tokio::time::timeout(Duration::from_millis(50), read).await;
        assert!(hung_up.is_err());
    }
    let more = get(&relay, &alice, first(), 0, 6).await;
    assert_eq!(more, Err(ErrorCode::TooManyRequests));
    drop(end);
    holding.join().unwrap();
    while get(&relay, &alice, first(), 0, 6).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
