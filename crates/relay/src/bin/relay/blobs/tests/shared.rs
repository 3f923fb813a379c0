//! Stores that are not in the relay's folder, and those that several relays share.

use super::*;
use crate::blobs::files::folder::Folder;
use crate::blobs::options::Wishes;

/// A folder as a store.
fn folder(world: &World, name: &str) -> options::Place {
    let folder = Folder::open(&world.dir.path().join(name)).unwrap();
    Some(Arc::new(folder))
}

/// Worlds over each kind of store.
fn each_store() -> Vec<(World, Option<Arc<waxseal_s3::Server>>)> {
    let mut in_folder = World::at(NOW);
    in_folder.files = folder(&in_folder, "elsewhere");
    let mut worlds = vec![(in_folder, None)];
    if let Some((server, store)) = files::s3::tests::store("blobs") {
        let mut over_s3 = World::at(NOW);
        over_s3.files = Some(Arc::new(store));
        worlds.push((over_s3, Some(server)));
    }
    worlds
}

async fn refusal(world: &World) -> String {
    world.try_open().await.err().unwrap().to_string()
}

#[tokio::test]
async fn chk720_a_store_that_is_not_that_of_the_database_is_refused() {
    for (mut world, _server) in each_store() {
        let right = world.files.clone();
        let relay = world.open().await;
        let alice = device(&relay, "alice").await;
        // Empty or not, another store is refused.
        for has_blobs in [false, true] {
            world.files = folder(&world, &format!("other-{has_blobs}"));
            let refused = refusal(&world).await;
            assert!(refused.contains("not that of the database"), "{refused}");
            if !has_blobs {
                put_all(&relay, &alice, first(), b"sealed").await;
            }
        }
        drop(relay);
        world.files = right.clone();
        let relay = world.open().await;
        assert_eq!(get(&relay, &alice, first(), 0, 6).await.unwrap(), b"sealed");
        drop(relay);
        // Nor does another database take it.
        let mut other = World::at(NOW);
        other.files = right.clone();
        let refused = refusal(&other).await;
        assert!(refused.contains("of another database"), "{refused}");
        let relay = world.open().await;
        assert_eq!(get(&relay, &alice, first(), 0, 6).await.unwrap(), b"sealed");
    }
}

#[tokio::test]
async fn a_store_whose_files_are_lost_is_taken_when_the_operator_says_so() {
    for (mut world, _server) in each_store() {
        let relay = world.open().await;
        let alice = device(&relay, "alice").await;
        put_all(&relay, &alice, first(), b"sealed").await;
        drop(relay);
        world.files = folder(&world, "new");
        world.wishes.check = false;
        assert!(refusal(&world).await.contains("--blobs-lost"));
        let wishes = std::mem::replace(
            &mut world.wishes,
            Wishes {
                are_lost: true,
                check: false,
            },
        );
        let relay = world.open().await;
        assert_eq!(
            state_of(&relay, &alice, first()).await,
            Err(ErrorCode::NoSuchBlob)
        );
        drop(relay);
        world.wishes = wishes;
        let relay = world.open().await;
        let other = BlobId::from_bytes([1; 32]);
        put_all(&relay, &alice, other, b"sealed").await;
    }
}

#[tokio::test]
async fn a_relay_moves_its_blobs_to_another_store_with_all_files_or_not_at_all() {
    let mut world = World::at(NOW);
    let relay = world.open().await;
    if world.beside("b").is_some() {
        return; // over PostgreSQL, the folder has a name from the start
    }
    let alice = device(&relay, "alice").await;
    for n in 1..4 {
        put_all(&relay, &alice, BlobId::from_bytes([n; 32]), b"sealed").await;
    }
    drop(relay);
    world.files = folder(&world, "elsewhere");
    let [from, to] = ["blobs", "elsewhere"].map(|name| world.dir.path().join(name));
    let mut entries: Vec<_> = std::fs::read_dir(from)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let last = entries.pop().unwrap();
    let copy = |entry: &std::fs::DirEntry| {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    };
    entries.iter().for_each(copy);
    let refused = refusal(&world).await;
    let name = last.file_name().into_string().unwrap();
    assert!(refused.contains(&name), "{refused}");
    copy(&last);
    let relay = world.open().await;
    for n in 1..4 {
        let read = get(&relay, &alice, BlobId::from_bytes([n; 32]), 0, 6).await;
        assert_eq!(read.unwrap(), b"sealed");
    }
    drop(relay);
    // It does not go back by accident, where newer files are missing.
    world.files = None;
    assert!(refusal(&world).await.contains("give --blobs"));
}

#[tokio::test]
async fn a_blob_goes_through_all_its_life_in_any_store() {
    for (world, _server) in each_store() {
        let relay = world.open().await;
        let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
        let whole = content(2_500_000);
        let mut at = 0;
        while at < whole.len() {
            let part = &whole[at..whole.len().min(at + 700_001)];
            let state = put_part(&relay, &alice, first(), at as u64, 2_500_000, part).await;
            at = state.unwrap().received as usize;
        }
        drop(relay);
        let relay = world.open().await;
        assert!(state_of(&relay, &bob, first()).await.unwrap().is_complete());
        let read = get(&relay, &bob, first(), 400_000, 1 << 20).await.unwrap();
        assert!(read == whole[400_000..400_000 + (1 << 20)]);
        assert_eq!(files(&relay).await.len(), 4);
        world.run(&relay, 31 * DAY).await;
        relay.clean_up().await.unwrap();
        assert!(files(&relay).await.is_empty());
    }
}

#[tokio::test]
async fn a_store_that_is_away_costs_no_bytes() {
    for (world, server) in each_store() {
        let Some(server) = server else {
            continue;
        };
        let relay = world.open().await;
        let alice = device(&relay, "alice").await;
        put_part(&relay, &alice, first(), 0, 6, b"sea")
            .await
            .unwrap();
        server.kill();
        let other = BlobId::from_bytes([1; 32]);
        let (at, begin, asked) = tokio::join!(
            put_part(&relay, &alice, first(), 3, 6, b"led"),
            put_part(&relay, &alice, other, 0, 6, b"sea"),
            state_of(&relay, &alice, first()),
        );
        assert_eq!(
            (at, begin, asked),
            (
                Err(ErrorCode::Busy),
                Err(ErrorCode::Busy),
                Err(ErrorCode::Busy)
            )
        );
        relay.clean_up().await.unwrap();
        // The store may still carry out what it was told, so the files are not forgotten.
        let announced = count(&relay, "SELECT count(*) FROM blob_loose").await;
        assert_eq!(announced, 2);
        server.restart();
        assert_eq!(state_of(&relay, &alice, first()).await.unwrap().received, 3);
        put_part(&relay, &alice, first(), 3, 6, b"led")
            .await
            .unwrap();
        assert_eq!(get(&relay, &alice, first(), 0, 6).await.unwrap(), b"sealed");
        world.clocks.pass(2 * 3_600_000);
        relay.clean_up().await.unwrap();
        assert_eq!(files(&relay).await.len(), 1);
    }
}

#[tokio::test]
async fn chk722_bytes_that_a_blob_has_stay_whatever_arrives_at_another_relay() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    put_part(&relay, &alice, first(), 0, 9, b"sea")
        .await
        .unwrap();
    let room = relay.blobs.room;
    // Another relay read the row, wrote a file, and went on only after more had arrived here.
    let read = move |db: &Connection| {
        let row = stored::by_number(db, 1)?.unwrap();
        Ok((row, parts::last(db, 1)?.unwrap()))
    };
    let (row, last) = relay.store.run(read).await.unwrap();
    let before = last.clone();
    put_part(&relay, &alice, first(), 3, 9, b"led")
        .await
        .unwrap();
    let name = files::draw();
    relay.blobs.files.put(&name, b"seaXXXXX").unwrap();
    let advance = move |db: &Connection| {
        parts::announce(db, &name, i64::MAX)?;
        let part = File {
            start: 0,
            len: 8,
            name: name.clone(),
        };
        uploads::advance(db, &row, &part, Some(&last), NOW as i64, &room)
    };
    match relay.store.run(advance).await.unwrap() {
        Taken::Moved(state) => assert_eq!(state.received, 6),
        Taken::Done(_) | Taken::Gone => panic!("it did not move on"),
    }
    // Nor does it begin again because the file that it read is gone.
    let lost = before.name.clone();
    let begin_again = move |db: &Connection| {
        let as_many = stored::by_number(db, row.id)?.unwrap();
        Ok((
            stored::begin_again(db, &row, &lost)?,
            stored::begin_again(db, &as_many, &lost)?,
        ))
    };
    let begun = relay.store.run(begin_again).await.unwrap();
    assert_eq!(begun, (false, false));
    relay.clean_up().await.unwrap();
    put_part(&relay, &alice, first(), 6, 9, b"two")
        .await
        .unwrap();
    assert_eq!(
        get(&relay, &alice, first(), 0, 9).await.unwrap(),
        b"sealedtwo"
    );
    // Once it is deleted, it is gone.
    execute(&relay, "DELETE FROM blob").await;
    let part = File {
        start: 0,
        len: 9,
        name: files::draw(),
    };
    let advance = move |db: &Connection| uploads::advance(db, &row, &part, None, NOW as i64, &room);
    assert!(matches!(relay.store.run(advance).await, Ok(Taken::Gone)));
}

/// A blob that goes up at two relays and comes down at both.
#[tokio::test]
async fn an_upload_whose_parts_alternate_between_two_relays_is_one_blob() {
    for (first_world, _server) in each_store() {
        let a = first_world.open().await;
        let Some(second_world) = first_world.beside("b") else {
            return;
        };
        let b = second_world.open().await;
        let at_a = device(&a, "alice").await;
        let at_b = b.device(&at_a.me).await.unwrap().unwrap();
        let (whole, of) = (content(1_500_000), 1_500_000);
        let at_relay = |n: usize| match n % 2 {
            0 => (&a, &at_a),
            _ => (&b, &at_b),
        };
        let (mut at, mut n) = (0, 0);
        while at < whole.len() {
            let end = whole.len().min(at + 33_333);
            let (relay, device) = at_relay(n);
            let state = put_part(relay, device, first(), at as u64, of, &whole[at..end]).await;
            (at, n) = (state.unwrap().received as usize, n + 1);
        }
        // Uploads of the same file race at both relays, in parts of different lengths.
        let race = BlobId::from_bytes([1; 32]);
        let upload = async |n: usize, step: usize| {
            let (relay, device) = at_relay(n);
            let mut at = 0;
            while at < whole.len() {
                let end = whole.len().min(at + step);
                let state = put_part(relay, device, race, at as u64, of, &whole[at..end]).await;
                at = match state {
                    Ok(state) => state.received as usize,
                    Err(code) => {
                        assert_eq!(code, ErrorCode::Busy);
                        at
                    }
                };
            }
        };
        tokio::join!(
            upload(0, 100_003),
            upload(1, 77_777),
            upload(0, 40_001),
            upload(1, 9_999)
        );
        // One of them starts again, and looks at all files.
        drop(b);
        let b = second_world.open().await;
        for (relay, device) in [(&a, &at_a), (&b, &at_b)] {
            for blob in [first(), race] {
                let read = get(relay, device, blob, 450_000, 1 << 20).await.unwrap();
                assert!(read == whole[450_000..450_000 + (1 << 20)]);
                let read = get(relay, device, blob, 0, 450_000).await.unwrap();
                assert!(read == whole[..450_000]);
            }
        }
        let named = count(&a, "SELECT count(*) FROM blob_part").await;
        assert_eq!(files(&a).await.len(), usize::try_from(named).unwrap());
        // What is over at one relay is over at the other.
        for world in [&first_world, &second_world] {
            world.clocks.pass(3_600_000);
        }
        execute(&a, "UPDATE blob SET kept_until_ms = 0").await;
        b.clean_up().await.unwrap();
        assert!(files(&a).await.is_empty());
        let gone = get(&a, &at_a, first(), 0, 1).await;
        assert_eq!(gone, Err(ErrorCode::NoSuchBlob));
        let taken = put_part(&a, &at_a, race, 0, of, b"other").await;
        assert_eq!(taken, Err(ErrorCode::BlobTaken));
    }
}

#[tokio::test]
async fn of_two_relays_with_a_folder_each_one_does_not_start() {
    let world = World::at(NOW);
    let a = world.open().await;
    let Some(mut beside) = world.beside("b") else {
        return;
    };
    let shared = beside.files.take();
    let refused = refusal(&beside).await;
    assert!(
        refused.contains("give all of them the same --blobs"),
        "{refused}"
    );
    beside.files = shared;
    let b = beside.open().await;
    let at_a = device(&a, "alice").await;
    let at_b = b.device(&at_a.me).await.unwrap().unwrap();
    put_all(&a, &at_a, first(), b"sealed").await;
    assert_eq!(get(&b, &at_b, first(), 0, 6).await.unwrap(), b"sealed");
}

#[tokio::test]
async fn relays_that_start_first_at_once_name_one_store() {
    for (mut world, _server) in each_store() {
        let a = world.open().await;
        let Some(beside) = world.beside("b") else {
            return;
        };
        let b = beside.open().await;
        world.wishes.check = false;
        for _ in 0..10 {
            let all = |files: &dyn Files| files.list()?.collect::<io::Result<Vec<_>>>();
            let marks = a.blobs.with_files(all).await.unwrap().concat();
            assert_eq!(marks.len(), 1, "{marks:?}");
            a.blobs.files.remove(&marks[0]).unwrap();
            execute(&a, "DELETE FROM blob_store").await;
            let (first, second) = tokio::join!(
                start::check(&a, world.wishes),
                start::check(&b, world.wishes)
            );
            first.unwrap();
            second.unwrap();
        }
    }
}
