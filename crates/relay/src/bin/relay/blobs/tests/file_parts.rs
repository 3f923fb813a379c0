//! The files of which blobs consist.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::blobs::files::folder::Folder;

#[tokio::test]
async fn an_upload_goes_on_after_a_crash_at_any_of_its_steps() {
    let world = World::at(NOW);
    let whole = content(9_000);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    put_part(&relay, &alice, first(), 0, 9_000, &whole[..3_000])
        .await
        .unwrap();
    // The next part was announced, written in part, or written, and the database did not know yet.
    for rest in [None, Some(&b"torn"[..]), Some(&whole[..5_000])] {
        let name = files::draw();
        let (announced, until_ms) = (name.clone(), NOW as i64 + 1);
        let announce = move |db: &Connection| parts::announce(db, &announced, until_ms);
        relay.store.run(announce).await.unwrap();
        if let Some(rest) = rest {
            relay.blobs.files.put(&name, rest).unwrap();
        }
    }
    drop(relay);
    let relay = world.open().await;
    assert_eq!(
        state_of(&relay, &alice, first()).await.unwrap().received,
        3_000
    );
    // What is on its way is left alone until its time is over.
    assert_eq!(files(&relay).await.len(), 3);
    world.clocks.pass(2);
    relay.clean_up().await.unwrap();
    assert_eq!(files(&relay).await.len(), 1);
    assert_eq!(count(&relay, "SELECT count(*) FROM blob_loose").await, 0);
    let ended = put_part(&relay, &alice, first(), 2_500, 9_000, &whole[2_500..]).await;
    assert!(ended.unwrap().is_complete());
    assert_eq!(get(&relay, &alice, first(), 0, 9_000).await.unwrap(), whole);
}

#[tokio::test]
async fn chk721_a_file_whose_time_was_over_gets_into_no_blob() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    put_part(&relay, &alice, first(), 0, 6, b"sea")
        .await
        .unwrap();
    let now_ms = NOW as i64;
    let name = files::draw();
    let announced = name.clone();
    let announce = move |db: &Connection| parts::announce(db, &announced, now_ms);
    relay.store.run(announce).await.unwrap();
    // Its relay wrote it and slept, while another one found its time over.
    relay.blobs.files.put(&name, b"sealed").unwrap();
    let due = move |db: &Connection| parts::due(db, now_ms, now_ms + removal::TURN_MS, 10);
    let found = relay.store.run(due).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&name));
    // Two relays do not remove the same files.
    assert!(relay.store.run(due).await.unwrap().is_empty());
    let (room, late) = (relay.blobs.room, name.clone());
    let advance = move |db: &Connection| {
        let row = stored::by_number(db, 1)?.unwrap();
        let (last, late) = (parts::last(db, 1)?, late.clone());
        let part = File {
            start: 0,
            len: 6,
            name: late,
        };
        uploads::advance(db, &row, &part, last.as_ref(), now_ms, &room).map(|_| ())
    };
    let refused = relay.store.run(advance).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::Busy);
    world.clocks.pass(removal::TURN_MS as u64);
    relay.clean_up().await.unwrap();
    assert!(!files(&relay).await.contains(&name));
    assert_eq!(state_of(&relay, &alice, first()).await.unwrap().received, 3);
    put_part(&relay, &alice, first(), 3, 6, b"led")
        .await
        .unwrap();
    assert_eq!(get(&relay, &alice, first(), 0, 6).await.unwrap(), b"sealed");
}

#[tokio::test]
async fn chk725_a_file_whose_job_was_done_although_it_failed_stays_in_its_blob() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    put_all(&relay, &alice, first(), b"sealed").await;
    let name = file(&relay, 1, 0).await;
    removal::discard(&relay.store, &relay.blobs, name, NOW as i64).await;
    relay.clean_up().await.unwrap();
    assert_eq!(get(&relay, &alice, first(), 0, 6).await.unwrap(), b"sealed");
}

#[tokio::test]
async fn a_file_that_is_written_after_its_row_was_forgotten_is_removed() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let name = files::draw();
    relay.blobs.files.put(&name, b"late").unwrap();
    removal::discard(&relay.store, &relay.blobs, name, NOW as i64).await;
    assert!(files(&relay).await.is_empty());
}

#[tokio::test]
async fn a_file_that_is_not_in_the_blob_any_more_is_not_replaced() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    put_part(&relay, &alice, first(), 0, 9, b"sea")
        .await
        .unwrap();
    let (name, room) = (files::draw(), relay.blobs.room);
    // The upload began again in between, and has as many bytes as before.
    let advance = move |db: &Connection| {
        let row = stored::by_number(db, 1)?.unwrap();
        let mut last = parts::last(db, 1)?.unwrap();
        last.name = files::draw();
        parts::announce(db, &name, i64::MAX)?;
        let part = File {
            start: 0,
            len: 6,
            name: name.clone(),
        };
        uploads::advance(db, &row, &part, Some(&last), NOW as i64, &room).map(|_| ())
    };
    let refused = relay.store.run(advance).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::Busy);
    put_part(&relay, &alice, first(), 3, 9, b"ledtwo")
        .await
        .unwrap();
    let read = get(&relay, &alice, first(), 0, 9).await;
    assert_eq!(read.unwrap(), b"sealedtwo");
}

#[tokio::test]
async fn many_blobs_of_one_file_go_in_few_jobs() {
    let world = World::at(NOW);
    let relay = world.open().await;
    execute(
        &relay,
        "INSERT INTO blob_part (blob, start, len, name)
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 300)
             SELECT n, 0, 1, CAST(n AS TEXT) FROM n;
         INSERT INTO blob_part (blob, start, len, name) VALUES (300, 1, 1, '301');
         INSERT INTO blob_ended (blob) SELECT blob FROM blob_part WHERE start = 0;",
    )
    .await;
    for (found, left) in [(100, 201), (99, 102), (100, 2), (2, 0)] {
        let due = |db: &Connection| parts::due(db, NOW as i64, i64::MAX, 100);
        assert_eq!(relay.store.run(due).await.unwrap().len(), found);
        let now = count(&relay, "SELECT count(*) FROM blob_part").await;
        assert_eq!(now, left);
    }
    assert_eq!(count(&relay, "SELECT count(*) FROM blob_ended").await, 0);
}

#[tokio::test]
async fn short_parts_take_few_files() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let (whole, of) = (content(200_000), 200_000);
    let mut at = 0;
    while at < whole.len() {
        let end = whole.len().min(at + 1_001);
        let part = &whole[at..end];
        at = put_part(&relay, &alice, first(), at as u64, of, part)
            .await
            .unwrap()
            .received as usize;
    }
    // No file is there that is in no blob.
    assert_eq!(files(&relay).await.len(), 4);
    assert_eq!(count(&relay, "SELECT count(*) FROM blob_part").await, 4);
    assert_eq!(count(&relay, "SELECT count(*) FROM blob_loose").await, 0);
    for (at, len) in [
        (0, 200_000),
        (65_000, 2_000),
        (199_999, 1),
        (131_000, 69_000),
    ] {
        let read = get(&relay, &alice, first(), at as u64, len).await;
        assert!(read.unwrap() == whole[at..at + len]);
    }
}

#[tokio::test]
async fn an_unfinished_blob_whose_file_lost_bytes_begins_again() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    put_part(&relay, &alice, first(), 0, 6, b"seal")
        .await
        .unwrap();
    let blobs = world.dir.path().join("blobs");
    std::fs::write(blobs.join(file(&relay, 1, 0).await), b"se").unwrap();
    let state = put_part(&relay, &alice, first(), 4, 6, b"ed")
        .await
        .unwrap();
    assert_eq!(state.received, 0);
    put_all(&relay, &alice, first(), b"sealed").await;
    assert_eq!(get(&relay, &alice, first(), 0, 6).await.unwrap(), b"sealed");
    // So it does after a start.
    let other = BlobId::from_bytes([1; 32]);
    put_part(&relay, &alice, other, 0, 6, b"seal")
        .await
        .unwrap();
    std::fs::remove_file(blobs.join(file(&relay, 2, 0).await)).unwrap();
    drop(relay);
    let relay = world.open().await;
    assert_eq!(state_of(&relay, &alice, other).await.unwrap().received, 0);
    put_all(&relay, &alice, other, b"sealed").await;
}

#[tokio::test]
async fn chk723_files_without_rows_are_removed_and_rows_without_files_are_gone() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    put_all(&relay, &alice, first(), b"sealed").await;
    let lost = BlobId::from_bytes([1; 32]);
    put_all(&relay, &alice, lost, b"sealed").await;
    let blobs = world.dir.path().join("blobs");
    std::fs::remove_file(blobs.join(file(&relay, 2, 0).await)).unwrap();
    let kept = file(&relay, 1, 0).await;
    // A file is announced, and one is doomed: both have a row.
    for name in [files::draw(), files::draw()] {
        std::fs::write(blobs.join(&name), b"on its way").unwrap();
        let announce = move |db: &Connection| parts::announce(db, &name, i64::MAX);
        relay.store.run(announce).await.unwrap();
    }
    execute(
        &relay,
        "UPDATE blob_loose SET is_doomed = 1 WHERE name = (SELECT max(name) FROM blob_loose)",
    )
    .await;
    drop(relay);
    for name in 3..250 {
        std::fs::write(blobs.join(name.to_string()), b"of before").unwrap();
        std::fs::write(blobs.join(files::draw()), b"of a deleted row").unwrap();
    }
    std::fs::write(blobs.join("readme.txt"), b"of nobody").unwrap();
    let relay = world.open().await;
    let left = files(&relay).await;
    assert!(left.len() == 3 && left.contains(&kept), "{left:?}");
    assert!(blobs.join("readme.txt").exists());
    assert_eq!(get(&relay, &alice, first(), 0, 6).await.unwrap(), b"sealed");
    let gone = Err(ErrorCode::NoSuchBlob);
    assert_eq!(get(&relay, &alice, lost, 0, 6).await, gone);
    let gone = Err(ErrorCode::NoSuchBlob);
    assert_eq!(state_of(&relay, &alice, lost).await, gone);
    // A file that is too short is as good as none.
    std::fs::write(blobs.join(&kept), b"seal").unwrap();
    assert_eq!(state_of(&relay, &alice, first()).await, gone);
    let gone = Err(ErrorCode::NoSuchBlob);
    assert_eq!(get(&relay, &alice, first(), 0, 6).await, gone);
}

/// A folder whose place another one on a file system without room takes.
struct Filling {
    folder: Folder,
    full: Folder,
    is_full: Arc<AtomicBool>,
}

impl Filling {
    fn now(&self) -> &Folder {
        match self.is_full.load(Ordering::Relaxed) {
            true => &self.full,
            false => &self.folder,
        }
    }
}

impl Files for Filling {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.now().put(name, bytes)
    }

    fn read(&self, name: &str, at: u64, len: usize) -> io::Result<Vec<u8>> {
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
async fn a_part_for_which_the_disk_has_no_room_leaves_nothing() {
    let (mut world, is_full) = (World::at(NOW), Arc::new(AtomicBool::new(false)));
    let open = |dir: &Path| Folder::open(dir).unwrap();
    world.files = Some(Arc::new(Filling {
        folder: open(&world.dir.path().join("blobs")),
        full: open(Path::new("/proc")),
        is_full: is_full.clone(),
    }));
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let fill = || is_full.store(true, Ordering::Relaxed);
    let make_room = || is_full.store(false, Ordering::Relaxed);
    fill();
    let full = put_part(&relay, &alice, first(), 0, 6, b"sealed").await;
    assert_eq!(full, Err(ErrorCode::RelayFull));
    assert_eq!(count(&relay, "SELECT count(*) FROM blob").await, 0);
    assert_eq!(count(&relay, "SELECT count(*) FROM blob_loose").await, 0);
    assert_eq!(
        count(&relay, "SELECT CAST(sum(bytes) AS BIGINT) FROM stored").await,
        0
    );
    make_room();
    // In the middle, what is there stays.
    let whole = content(200_000);
    put_part(&relay, &alice, first(), 0, 200_000, &whole[..100_000])
        .await
        .unwrap();
    fill();
    let full = put_part(&relay, &alice, first(), 100_000, 200_000, &whole[100_000..]).await;
    assert_eq!(full, Err(ErrorCode::RelayFull));
    make_room();
    assert_eq!(
        state_of(&relay, &alice, first()).await.unwrap().received,
        100_000
    );
    assert_eq!(files(&relay).await.len(), 1);
    put_part(&relay, &alice, first(), 100_000, 200_000, &whole[100_000..])
        .await
        .unwrap();
    assert!(get(&relay, &alice, first(), 0, 200_000).await.unwrap() == whole);
}

#[tokio::test]
async fn a_blob_of_before_is_one_file_and_its_upload_goes_on() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let whole = content(300_000);
    for (n, len) in [(1_u8, 10), (2, 100_000)] {
        let id = BlobId::from_bytes([n; 32]);
        put_part(&relay, &alice, id, 0, 300_000, &whole[..len])
            .await
            .unwrap();
        let folder = world.dir.path().join("blobs");
        let name = file(&relay, n.into(), 0).await;
        // What a crash left behind the bytes that the database knows of is not read.
        let mut on_disk = std::fs::read(folder.join(&name)).unwrap();
        on_disk.extend_from_slice(b"torn");
        std::fs::write(folder.join(n.to_string()), on_disk).unwrap();
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    execute(&relay, "UPDATE blob_part SET name = CAST(blob AS TEXT)").await;
    drop(relay);
    let relay = world.open().await;
    for n in 1..3 {
        let id = BlobId::from_bytes([n; 32]);
        let state = state_of(&relay, &alice, id).await.unwrap();
        let at = state.received as usize;
        put_part(&relay, &alice, id, at as u64, 300_000, &whole[at..])
            .await
            .unwrap();
        assert!(get(&relay, &alice, id, 0, 300_000).await.unwrap() == whole);
    }
    let mut left = files(&relay).await;
    left.sort_unstable_by_key(String::len);
    assert_eq!((left.len(), &*left[0]), (3, "2"));
}
