//! The removal of files that are in no blob any more, or got into none.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::blobs::files::Files;
use crate::blobs::store::Blobs;
use crate::errors::Refusal;
use crate::store::{Connection, Store, parts};

/// Maximum number of files that one job dooms.
const BATCH: usize = 100;

/// Maximum number of such jobs at a time. What is left waits for the next time.
const MAX_TURNS: usize = 100;

/// Maximum time for them, since other work waits.
const MAX_TIME: Duration = Duration::from_secs(30);

/// How many files are removed at once.
const AT_ONCE: usize = 8;

/// For how long a file waits that cannot be removed.
const PAUSE_MS: i64 = 3_600_000;

/// After how long another relay removes what one began to remove.
pub const TURN_MS: i64 = 300_000;

/// Removes the files of deleted blobs, and those that got into none within their time. That time is
/// [`shared`](crate::state::Relay::shared_ms), since other relays have files on their way.
pub async fn remove_due(store: &Store, blobs: &Blobs, now_ms: i64) -> Result<(), Refusal> {
    let began = Instant::now();
    for _ in 0..MAX_TURNS {
        let due = move |db: &Connection| parts::due(db, now_ms, now_ms + TURN_MS, BATCH);
        let due = store.run(due).await?;
        if due.is_empty() || !remove(store, blobs, due, now_ms).await? {
            break;
        }
        if began.elapsed() >= MAX_TIME {
            break;
        }
    }
    Ok(())
}

/// Removes a file that got into no blob, or is in none any more. If that fails, it is removed
/// later.
pub async fn discard(store: &Store, blobs: &Blobs, name: String, now_ms: i64) {
    let given_up = name.clone();
    // CHK-725: a job that failed may have been done nevertheless: then the file is in its blob.
    let give_up = store.run(move |db| parts::give_up(db, &given_up)).await;
    if let Ok(true) = give_up {
        let _ = remove(store, blobs, vec![name], now_ms).await; // the log says why
    }
}

/// Removes doomed files. Returns `false` if the store cannot be reached now.
async fn remove(
    store: &Store,
    blobs: &Blobs,
    names: Vec<String>,
    now_ms: i64,
) -> Result<bool, Refusal> {
    let each = names.len().div_ceil(AT_ONCE).max(1);
    let chunks: Vec<_> = names.chunks(each).map(<[String]>::to_vec).collect();
    let working: Vec<_> = chunks
        .into_iter()
        .map(|names| {
            let files = blobs.files.clone();
            tokio::task::spawn_blocking(move || remove_all(&*files, names))
        })
        .collect();
    let (mut removed, mut failed, mut is_reached) = (Vec::new(), Vec::new(), true);
    for work in working {
        let done = work.await.map_err(|error| Refusal::internal(&error))?;
        removed.extend(done.removed);
        failed.extend(done.failed);
        is_reached &= done.is_reached;
    }
    let note = move |db: &Connection| {
        for name in &removed {
            parts::forget(db, name)?;
        }
        for name in &failed {
            parts::postpone(db, name, now_ms + PAUSE_MS)?;
        }
        Ok(())
    };
    store.run(note).await?;
    Ok(is_reached)
}

struct Done {
    removed: Vec<String>,
    failed: Vec<String>,
    is_reached: bool,
}

fn remove_all(files: &dyn Files, names: Vec<String>) -> Done {
    let mut done = Done {
        removed: Vec::new(),
        failed: Vec::new(),
        is_reached: true,
    };
    for name in names {
        match files.remove(&name) {
            Ok(()) => done.removed.push(name),
            Err(error) => {
                tracing::error!(%error, name, "the file of a deleted blob stays for now");
                if error.kind() == ErrorKind::NotConnected {
                    done.is_reached = false;
                    break;
                }
                done.failed.push(name);
            }
        }
    }
    done
}
