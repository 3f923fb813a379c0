//! What is looked at before the relay takes requests: that the store of blobs is the one that the
//! database knows, and, if that is wanted, that files and rows agree.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use waxseal_interface::MAX_BLOB_LEN;

use crate::blobs::files::{self, Files};
use crate::blobs::options::Wishes;
use crate::blobs::{expiry, millis};
use crate::state::Relay;
use crate::store::{Connection, parts};

/// How often another relay is given a moment that has just begun to use the store.
const TURNS: u32 = 8;
const TURN: Duration = Duration::from_millis(250);

/// Checks the store. Call this before the relay takes requests.
///
/// # Errors
/// Refuses a store that is not that of the database, unless its files are said to be lost.
pub async fn check(relay: &Relay, wishes: Wishes) -> Result<(), Box<dyn Error>> {
    prove(relay, wishes.are_lost).await?;
    if relay.blobs.are_own || wishes.check || wishes.are_lost {
        remove_strays(relay).await?;
        remove_lost(relay, wishes.are_lost).await?;
    }
    Ok(())
}

/// Checks that the store is the one that the database knows: it has a file with the name that the
/// database has drawn.
async fn prove(relay: &Relay, are_lost: bool) -> Result<(), Box<dyn Error>> {
    let known = name(relay).await?;
    if relay.blobs.are_own {
        return match known {
            None => Ok(()),
            Some(_) => Err("the blobs are elsewhere: give --blobs as before".into()),
        };
    }
    let known = match known {
        Some(known) => known,
        None => first(relay).await?,
    };
    // CHK-720: relays of one database share one store of blobs.
    if has(relay, &known).await? {
        return Ok(());
    }
    if !are_lost {
        return Err(format!(
            "the store of blobs is not that of the database, which has a file {known}. Relays of \
             one database share it: give all of them the same --blobs, and mount its disk. If the \
             files are lost for good, start once with --blobs-lost"
        )
        .into());
    }
    let put = move |files: &dyn Files| files.put(&known, b"waxseal");
    Ok(relay.blobs.with_files(put).await?)
}

/// Makes a store that of the database: an empty one, or one with all the files that the database
/// names. Returns the name that the database has, which may be by another relay.
async fn first(relay: &Relay) -> Result<String, Box<dyn Error>> {
    let has_parts = relay.store.run(parts::any).await.map_err(failed)?;
    if has_parts {
        if let Some((_, name)) = lost(relay, (0, 0)).await? {
            return Err(format!(
                "the store of blobs lacks the file {name} that the database names: copy all files \
                 to it first"
            )
            .into());
        }
    } else if let Some(other) = wait_for_first(relay).await? {
        return Ok(other);
    }
    let mark = files::draw_mark();
    let put = mark.clone();
    let put = move |files: &dyn Files| files.put(&put, b"waxseal");
    relay.blobs.with_files(put).await?;
    let drawn = mark.clone();
    let named = relay.store.run(move |db| parts::name_store(db, &drawn));
    let named = named.await.map_err(failed)?;
    if named != mark {
        let remove = move |files: &dyn Files| files.remove(&mark);
        relay.blobs.with_files(remove).await?;
    }
    Ok(named)
}

/// Waits until the store is found empty, or another relay has named it.
async fn wait_for_first(relay: &Relay) -> Result<Option<String>, Box<dyn Error>> {
    for _ in 0..TURNS {
        if relay.blobs.with_files(is_empty).await? {
            return Ok(None);
        }
        if let Some(known) = name(relay).await? {
            return Ok(Some(known));
        }
        tokio::time::sleep(TURN).await;
    }
    Err("the store of blobs has files of another database: give an empty one".into())
}

async fn name(relay: &Relay) -> Result<Option<String>, Box<dyn Error>> {
    let name = relay.store.run(parts::store_name).await;
    Ok(name.map_err(failed)?)
}

async fn has(relay: &Relay, mark: &str) -> Result<bool, Box<dyn Error>> {
    let mark = mark.to_owned();
    let len = move |files: &dyn Files| files.len(&mark);
    match relay.blobs.with_files(len).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Removes files that have no row. Other relays may run: a file has a row before it is written.
async fn remove_strays(relay: &Relay) -> Result<(), Box<dyn Error>> {
    let mut pages = relay.blobs.with_files(|files| files.list()).await?;
    loop {
        let next = relay
            .blobs
            .with_files(move |_| Ok((pages.next().transpose()?, pages)));
        let (page, rest) = next.await?;
        pages = rest;
        let Some(mut page) = page else {
            return Ok(());
        };
        // CHK-723: only a file without a row is removed, and the rows are read after the names.
        page.retain(|name| !files::is_mark(name));
        let strays = relay.store.run(move |db| parts::strays(db, &page));
        let strays = strays.await.map_err(failed)?;
        let remove = move |files: &dyn Files| {
            for name in &strays {
                if let Err(error) = files.remove(name) {
                    tracing::error!(%error, name, "a file without a row stays");
                }
            }
            Ok(())
        };
        relay.blobs.with_files(remove).await?;
    }
}

/// Deletes the rows of blobs of which a file is gone or too short, as after a backup of the
/// database alone. The uploads of unfinished ones begin again.
///
/// # Errors
/// Refuses to delete all of them, unless `are_known_lost`: the disk may not be mounted.
pub async fn remove_lost(relay: &Relay, are_known_lost: bool) -> Result<(), Box<dyn Error>> {
    if !are_known_lost
        && relay.blobs.with_files(is_empty).await?
        && relay.store.run(parts::any).await.map_err(failed)?
    {
        return Err(
            "the folder `blobs` is empty, and the database names files in it: mount its disk, or \
             start once with --blobs-lost"
                .into(),
        );
    }
    let (mut after, mut count) = ((0, 0), 0_usize);
    loop {
        let Some((blob, name)) = lost(relay, after).await? else {
            break;
        };
        // Its other files make no difference.
        after = (blob, MAX_BLOB_LEN);
        count = count.saturating_add(1);
        let now_ms = millis(relay);
        let remove = relay
            .store
            .run(move |db| expiry::lose(db, blob, &name, now_ms));
        remove.await.map_err(failed)?;
    }
    if count > 0 {
        tracing::error!(count, "the files of blobs are gone or too short");
    }
    Ok(())
}

/// The next file of a blob that is gone or too short, with its blob.
async fn lost(
    relay: &Relay,
    mut after: (i64, u64),
) -> Result<Option<(i64, String)>, Box<dyn Error>> {
    loop {
        let next = move |db: &Connection| parts::of_all(db, after, files::PAGE);
        let next = relay.store.run(next).await.map_err(failed)?;
        let Some((blob, last)) = next.last() else {
            return Ok(None);
        };
        after = (*blob, last.start);
        let look = move |files: &dyn Files| {
            for (blob, part) in next {
                match files.len(&part.name) {
                    Ok(found) if found >= part.len => {}
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => return Ok(Some((blob, part.name))),
                }
            }
            Ok(None)
        };
        if let Some(lost) = relay.blobs.with_files(look).await? {
            return Ok(Some(lost));
        }
    }
}

fn is_empty(files: &dyn Files) -> io::Result<bool> {
    for page in files.list()? {
        if !page?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn failed(_: crate::errors::Refusal) -> &'static str {
    "the database failed"
}
