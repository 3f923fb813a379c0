//! The folder that a desk publishes, day by day, and a promise that it gave.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use waxseal_desk::desk::{Desk, DeskSetup};
use waxseal_desk::publish::{Delay, Published, write_folder};
use waxseal_desk::store::MemoryStore;
use waxseal_desk::transparency::csv;
use waxseal_log::counts::Counts;
use waxseal_log::entry::Day;
use waxseal_log::report::ReportDigest;
use waxseal_reporting::Timestamp;

use super::run;
use super::world::{DAY, World, noon};

#[test]
fn what_a_desk_publishes_day_by_day_is_good() {
    let world = World::new();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let setup = DeskSetup {
        log: world.log.clone(),
        keys: world.keys(),
        secret: [7; 32].into(),
    };
    let mut desk = Desk::open(MemoryStore::new(), setup).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut published, mut promise) = (Published::default(), None);
    let mut counts = Counts::new(Day(DAY), Day(DAY + 4));
    for day in DAY..DAY + 14 {
        let now = Timestamp::from_millis(noon(day) * 1_000);
        let upkeep = desk.upkeep(now, &mut rng).unwrap();
        if let Some(note) = upkeep.to_cosign {
            let size = desk.log_size();
            let note = world.cosigned(note, noon(day));
            assert!(desk.cosigned(size, &note.signatures()[1..]).unwrap());
        }
        for number in 0..40 {
            let sealed = format!("report {number} of day {day}");
            let made = desk
                .refuse(&ReportDigest::of(sealed.as_bytes()), 74, now, &mut rng)
                .unwrap();
            counts.add(made.entry());
            promise.get_or_insert(made);
        }
        let files = desk.publish(now, Delay::default(), published).unwrap();
        published = files.published();
        write_folder(folder.path(), files).unwrap();
        if published.entries > 0 || desk.log_size() > 0 {
            run(folder.path(), &["verify-log", "."]).good();
        }
    }
    run(folder.path(), &["verify-log", "."])
        .good()
        .says("240 entries and 6 checkpoints")
        .says("Newest    the checkpoint over 520");
    // The tiles have the reports of days 0 to 5.
    let arguments = [
        "transparency",
        "--from",
        "2024-10-04",
        "--to",
        "2024-10-08",
        ".",
        "--csv",
    ];
    let ran = run(folder.path(), &arguments).good();
    assert_eq!(ran.out, csv(&counts, 240));
    std::fs::write(folder.path().join("promise"), promise.unwrap().encode()).unwrap();
    let arguments = [
        "verify-receipt",
        "keys",
        "--promise",
        "promise",
        "--log",
        ".",
    ];
    run(folder.path(), &arguments).wrong(153, "keys: unknown version of a receipt");
}
