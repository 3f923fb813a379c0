//! What a start finds in a store, and what it leaves alone.

use super::*;
use crate::blobs::files::folder::Folder;
use crate::blobs::options::Wishes;

const LOST: Wishes = Wishes {
    are_lost: true,
    check: false,
};

/// A world with its blobs in this folder of another one.
fn world_in(dir: &std::path::Path) -> World {
    let mut world = World::at(NOW);
    world.files = Some(Arc::new(Folder::open(dir).unwrap()));
    world
}

async fn refusal(world: &World) -> String {
    world.try_open().await.err().unwrap().to_string()
}

fn names(dir: &std::path::Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort_unstable();
    names
}

fn mark_in(dir: &std::path::Path) -> std::path::PathBuf {
    let names = names(dir);
    let mark = names
        .iter()
        .find(|name| files::is_mark(name.to_str().unwrap()));
    dir.join(mark.unwrap())
}

#[tokio::test]
async fn chk720_a_start_leaves_the_files_of_another_database_alone() {
    let dir = tempfile::tempdir().unwrap();
    let [of_a, of_b] = ["a", "b"].map(|name| dir.path().join(name));
    let (mut a, b) = (world_in(&of_a), world_in(&of_b));
    for world in [&a, &b] {
        let relay = world.open().await;
        let alice = device(&relay, "alice").await;
        for n in 1..3 {
            put_all(&relay, &alice, BlobId::from_bytes([n; 32]), b"sealed").await;
        }
    }
    let before = names(&of_b);
    // The files of one are said to be lost, and the store of the other is given by mistake.
    (a.files, a.wishes) = (b.files.clone(), LOST);
    assert!(refusal(&a).await.contains("give an empty one"));
    std::fs::remove_file(mark_in(&of_b)).unwrap();
    assert!(refusal(&a).await.contains("give an empty one"));
    assert_eq!(names(&of_b).len(), before.len() - 1);
    // A store that two databases have named is compared with neither.
    std::fs::write(of_b.join(mark_in(&of_a).file_name().unwrap()), b"waxseal").unwrap();
    let other = of_b.join(files::draw_mark());
    std::fs::write(other, b"waxseal").unwrap();
    a.wishes.are_lost = false;
    a.wishes.check = true;
    assert!(refusal(&a).await.contains("of another database, too"));
    assert_eq!(names(&of_b).len(), before.len() + 1);
    // Nor does a database that moves, with all its files, take one that has others.
    if a.beside("c").is_some() {
        return; // over PostgreSQL, the folder has a name from the start
    }
    let mut moving = World::at(NOW);
    let relay = moving.open().await;
    let alice = device(&relay, "alice").await;
    put_all(&relay, &alice, first(), b"sealed").await;
    drop(relay);
    for name in names(&moving.dir.path().join("blobs")) {
        let from = moving.dir.path().join("blobs").join(&name);
        std::fs::copy(from, of_a.join(name)).unwrap();
    }
    moving.files = Some(Arc::new(Folder::open(&of_a).unwrap()));
    assert!(refusal(&moving).await.contains("files of another database"));
}

#[tokio::test]
async fn chk720_relays_do_not_use_a_store_and_its_copy_at_once() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let Some(mut moving) = world.beside("b") else {
        return;
    };
    let alice = device(&relay, "alice").await;
    for n in 1..4 {
        put_all(&relay, &alice, BlobId::from_bytes([n; 32]), b"sealed").await;
    }
    let [from, to] = [&world, &moving].map(|world| world.dir.path().join("blobs"));
    moving.files = Some(Arc::new(Folder::open(&to).unwrap()));
    moving.wishes.check = false;
    // The copy has the name of the store, too.
    for name in names(&from) {
        std::fs::copy(from.join(&name), to.join(name)).unwrap();
    }
    let refused = refusal(&moving).await;
    assert!(refused.contains("stop all others"), "{refused}");
    // Once no other relay runs, it needs all files.
    execute(&relay, "UPDATE process SET said_ms = 0").await;
    let last = file(&relay, 3, 0).await;
    drop(relay);
    std::fs::remove_file(to.join(&last)).unwrap();
    let refused = refusal(&moving).await;
    assert!(refused.contains(&last), "{refused}");
    std::fs::copy(from.join(&last), to.join(&last)).unwrap();
    let relay = moving.open().await;
    for n in 1..4 {
        let read = get(&relay, &alice, BlobId::from_bytes([n; 32]), 0, 6).await;
        assert_eq!(read.unwrap(), b"sealed");
    }
    // One that was not told stays out.
    let refused = refusal(&world).await;
    assert!(refused.contains("stop all others"), "{refused}");
    moving.name = Some("c".to_owned());
    drop(moving.open().await);
}

#[tokio::test]
async fn the_mark_of_a_first_start_that_failed_stops_no_check_and_goes() {
    let dir = tempfile::tempdir().unwrap();
    let world = world_in(dir.path());
    let relay = world.open().await;
    let (mark, until_ms) = (
        files::draw_mark(),
        relay.shared_ms() + uploads::MAX_WRITE_MS,
    );
    let announced = mark.clone();
    let announce = move |db: &Connection| parts::announce(db, &announced, until_ms);
    relay.store.run(announce).await.unwrap();
    relay.blobs.files.put(&mark, b"waxseal").unwrap();
    start::check(&relay, world.wishes).await.unwrap();
    assert_eq!(names(dir.path()).len(), 2);
    world.run(&relay, 3_600_000).await;
    assert_eq!(names(dir.path()).len(), 1);
    assert!(!dir.path().join(mark).exists());
    // Nor does it keep the store from being named.
    execute(&relay, "DELETE FROM blob_store").await;
    std::fs::remove_file(mark_in(dir.path())).unwrap();
    let late = files::draw_mark();
    let name_store = move |db: &Connection| parts::name_store(db, &late);
    let busy = relay.store.run(name_store).await.unwrap_err();
    assert_eq!(busy.code, ErrorCode::Busy, "its file may have been removed");
    start::check(&relay, world.wishes).await.unwrap();
    assert_eq!(names(dir.path()).len(), 1);
    assert_eq!(count(&relay, "SELECT count(*) FROM blob_loose").await, 0);
}

#[tokio::test]
async fn a_check_gives_up_few_files_but_not_most_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let [of_a, away] = ["a", "away"].map(|name| dir.path().join(name));
    let mut world = world_in(&of_a);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    for n in 1..6 {
        put_all(&relay, &alice, BlobId::from_bytes([n; 32]), b"sealed").await;
    }
    drop(relay);
    // The mark was copied back, and two of five files.
    std::fs::create_dir(&away).unwrap();
    let mark = mark_in(&of_a);
    for name in names(&of_a)
        .iter()
        .filter(|name| of_a.join(name) != mark)
        .take(3)
    {
        std::fs::rename(of_a.join(name), away.join(name)).unwrap();
    }
    // Files of before wait, too.
    std::fs::write(of_a.join(files::draw()), b"a stray").unwrap();
    let refused = refusal(&world).await;
    assert!(refused.contains("3 of the 5 files"), "{refused}");
    assert_eq!(names(&of_a).len(), 4);
    let back = &names(&away)[0];
    std::fs::rename(away.join(back), of_a.join(back)).unwrap();
    let relay = world.open().await;
    assert_eq!(count(&relay, "SELECT count(*) FROM blob").await, 3);
    drop(relay);
    std::fs::remove_dir_all(&of_a).unwrap();
    world.files = Some(Arc::new(Folder::open(&of_a).unwrap()));
    world.wishes = LOST;
    let relay = world.open().await;
    assert_eq!(count(&relay, "SELECT count(*) FROM blob").await, 0);
}

#[tokio::test]
async fn a_start_over_a_database_that_went_back_removes_no_file_before_the_operators_word() {
    let mut world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    put_all(&relay, &alice, first(), b"before").await;
    world.clocks.pass(3_600_000);
    relay.keep_time().await.unwrap();
    put_all(&relay, &alice, BlobId::from_bytes([1; 32]), b"after").await;
    // The backup lacks the second blob.
    let restore = |db: &Connection| {
        proven::save(db, &Proven::starting_at(NOW))?;
        db.batch("DELETE FROM blob_part WHERE blob = 2; DELETE FROM blob WHERE id = 2")
    };
    relay.store.run(restore).await.unwrap();
    assert_eq!(files(&relay).await.len(), 2);
    drop(relay);
    let refused = refusal(&world).await;
    assert!(refused.contains("--restored"), "{refused}");
    let dir = world.dir.path().join("blobs");
    let files_of = |names: Vec<std::ffi::OsString>| {
        let names = names.iter().map(|name| name.to_str().unwrap());
        names.filter(|name| !files::is_mark(name)).count()
    };
    assert_eq!(files_of(names(&dir)), 2);
    world.restored = Some(Duration::ZERO);
    let relay = world.open().await;
    assert_eq!(files_of(names(&dir)), 1);
    assert_eq!(get(&relay, &alice, first(), 0, 6).await.unwrap(), b"before");
}

#[tokio::test]
async fn files_are_not_given_up_while_another_relay_runs() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let Some(mut beside) = world.beside("b") else {
        return;
    };
    let alice = device(&relay, "alice").await;
    put_all(&relay, &alice, first(), b"sealed").await;
    beside.wishes = LOST;
    let refused = refusal(&beside).await;
    assert!(refused.contains("stop all others"), "{refused}");
    assert_eq!(get(&relay, &alice, first(), 0, 6).await.unwrap(), b"sealed");
}

#[tokio::test]
async fn a_relay_with_fewer_days_shortens_the_time_of_no_blob_of_another() {
    let world = World::at(NOW - 100 * DAY);
    let relay = world.open().await;
    world.clocks.set(NOW);
    let mut proven = Proven::starting_at(NOW);
    (proven.began_ms, proven.settled) = (NOW - 100 * DAY, true);
    let save = move |db: &Connection| proven::save(db, &proven);
    relay.store.run(save).await.unwrap();
    drop(relay);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    put_all(&relay, &alice, first(), b"sealed").await;
    let kept = state_of(&relay, &alice, first())
        .await
        .unwrap()
        .kept_until_ms;
    assert_eq!(kept, NOW + 30 * DAY);
    let Some(mut beside) = world.beside("b") else {
        return;
    };
    beside.blobs.kept_ms = DAY as i64;
    let other = beside.open().await;
    assert!(other.time.proven().settled);
    other.clean_up().await.unwrap();
    let still = state_of(&relay, &alice, first()).await.unwrap();
    assert_eq!(still.kept_until_ms, kept);
}

#[tokio::test]
async fn a_clock_with_which_others_do_not_agree_keeps_no_blob_longer_and_takes_no_file_away() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (Some(ahead), Some(third)) = (world.beside("b"), world.beside("c")) else {
        return;
    };
    let (other, c) = (ahead.open().await, third.open().await);
    let alice = device(&relay, "alice").await;
    let at_other = other.device(&alice.me).await.unwrap().unwrap();
    // A file is on its way at one relay, when the clock of another one jumps.
    let (name, until_ms) = (files::draw(), relay.shared_ms() + uploads::MAX_WRITE_MS);
    let announce = move |db: &Connection| parts::announce(db, &name, until_ms);
    relay.store.run(announce).await.unwrap();
    ahead.clocks.set(NOW + 300 * DAY);
    other.beat().await.unwrap();
    put_all(&other, &at_other, first(), b"sealed").await;
    let of_blob = state_of(&relay, &alice, first()).await.unwrap();
    assert!(of_blob.kept_until_ms <= NOW + 31 * DAY);
    other.clean_up().await.unwrap();
    let doomed = "SELECT count(*) FROM blob_loose WHERE is_doomed = 0";
    assert_eq!(count(&relay, doomed).await, 1);
    // Where most are right, downtime that proven time has not made up for yet costs a blob no day.
    for world in [&world, &ahead, &third] {
        world.clocks.set(NOW + 9 * DAY);
    }
    for relay in [&other, &c, &relay] {
        relay.beat().await.unwrap();
    }
    let late = BlobId::from_bytes([1; 32]);
    put_all(&relay, &alice, late, b"sealed").await;
    let of_blob = state_of(&relay, &alice, late).await.unwrap();
    assert_eq!(of_blob.kept_until_ms, NOW + 39 * DAY);
}
