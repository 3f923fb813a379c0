//! What is looked at before the relay takes requests: that the store of blobs is the one that the
//! database knows, and, if that is wanted, that files and rows agree.

use std::error::Error;
use std::io::{self, ErrorKind};

use crate::blobs::files::{self, Files, Pages};
use crate::blobs::options::Wishes;
use crate::blobs::uploads::MAX_WRITE_MS;
use crate::blobs::{expiry, removal};
use crate::process::SILENCE;
use crate::state::Relay;
use crate::store::parts::{self, Part};
use crate::store::{Connection, processes};

/// How many files are looked at at once.
const AT_ONCE: usize = 8;

/// Maximum number of blobs that one job gives up.
const BATCH: usize = 100;

/// Checks the store. Call this before the relay takes requests.
///
/// # Errors
/// Refuses a store that is not that of the database, unless its files are said to be lost.
pub async fn check(relay: &Relay, wishes: Wishes) -> Result<(), Box<dyn Error>> {
    if wishes.are_lost {
        refuse_others(relay, "a start with --blobs-lost").await?;
    }
    // Not all stores tell.
    if let Ok(true) = relay.blobs.with_files(|files| files.keeps_removed()).await {
        tracing::warn!("the bucket keeps versions: no sealed file that is deleted goes");
    }
    let known = prove(relay, wishes.are_lost).await?;
    if relay.process.me.is_shared {
        check_place(relay, wishes).await?;
    }
    if relay.blobs.are_own || wishes.check || wishes.are_lost {
        refuse_marks(relay, known).await?;
        remove_lost(relay, wishes.are_lost).await?;
        remove_strays(relay).await?;
    }
    Ok(())
}

/// Checks that relays do not use a store and its copy at once: the copy has the same name.
async fn check_place(relay: &Relay, wishes: Wishes) -> Result<(), Box<dyn Error>> {
    let place = relay.blobs.files.place();
    let before = relay.store.run(parts::place).await.map_err(failed)?;
    match before {
        Some(before) if before == place => return Ok(()),
        Some(before) => {
            // CHK-720: of two stores that have its name, all relays use the same one.
            let other = format!("one with the blobs at {place} and not at {before}");
            refuse_others(relay, &other).await?;
            if !wishes.check && !wishes.are_lost {
                refuse_incomplete(relay).await?;
            }
        }
        None => {}
    }
    let moved = relay.store.run(move |db| parts::move_to(db, &place));
    Ok(moved.await.map_err(failed)?)
}

/// Checks that no other relay runs before a start that changes something for all.
async fn refuse_others(relay: &Relay, start: &str) -> Result<(), Box<dyn Error>> {
    let me = relay.process.me.clone();
    if !me.is_shared {
        return Ok(());
    }
    let peers = relay.store.run(move |db| processes::peers(db, me.number));
    let peers = peers.await.map_err(failed)?;
    let silence = u64::try_from(SILENCE.as_millis()).unwrap_or(u64::MAX);
    let since = peers.clock_ms.unwrap_or(0).saturating_sub(silence);
    match peers.others.iter().find(|other| other.said_ms >= since) {
        None => Ok(()),
        Some(other) => Err(format!(
            "the relay {} runs: stop all others for {} seconds before {start}",
            other.name,
            SILENCE.as_secs()
        )
        .into()),
    }
}

/// Checks that the store is the one that the database knows: it has a file with the name that the
/// database has drawn. Returns that name.
async fn prove(relay: &Relay, are_lost: bool) -> Result<Option<String>, Box<dyn Error>> {
    let known = name(relay).await?;
    if relay.blobs.are_own {
        return match known {
            None => Ok(None),
            Some(_) => Err("the blobs are elsewhere: give --blobs as before".into()),
        };
    }
    let known = match known {
        Some(known) => known,
        None => first(relay).await?,
    };
    // CHK-720: relays of one database share one store of blobs.
    if has(relay, &known).await? {
        return Ok(Some(known));
    }
    if !are_lost {
        return Err(format!(
            "the store of blobs is not that of the database, which has a file {known}. Relays of \
             one database share it: give all of them the same --blobs, and mount its disk. If the \
             files are lost for good, start once with --blobs-lost"
        )
        .into());
    }
    // CHK-720: what another database may have there is never taken for that of this one.
    if let Some(found) = any_file(relay).await? {
        return Err(format!(
            "the store of blobs has files, as {found}, and may be that of another database: with \
             --blobs-lost, give an empty one"
        )
        .into());
    }
    let mark = known.clone();
    let put = move |files: &dyn Files| files.put(&mark, b"waxseal");
    relay.blobs.with_files(put).await?;
    Ok(Some(known))
}

/// Checks that no other database has named the store: its files would be removed as strays.
async fn refuse_marks(relay: &Relay, known: Option<String>) -> Result<(), Box<dyn Error>> {
    let mut pages = relay.blobs.with_files(|files| files.list()).await?;
    while let Some((mut page, rest)) = next_page(relay, pages).await? {
        pages = rest;
        page.retain(|name| files::is_mark(name) && Some(name) != known.as_ref());
        // CHK-720: files of another database are never removed.
        for other in strays(relay, page).await? {
            // The mark of a relay that came second goes before its row.
            if !has(relay, &other).await? {
                continue;
            }
            return Err(format!(
                "the store of blobs is that of another database, too, as its file {other} says: \
                 give each database a store of its own"
            )
            .into());
        }
    }
    Ok(())
}

/// Makes a store that of the database: an empty one, or one with all the files that the database
/// names and no others. Returns the name that the database has, which may be by another relay.
async fn first(relay: &Relay) -> Result<String, Box<dyn Error>> {
    refuse_incomplete(relay).await?;
    if let Some(found) = foreign(relay).await? {
        // Another relay may have named the store just now.
        return match name(relay).await? {
            Some(known) => Ok(known),
            None => Err(format!(
                "the store of blobs has files of another database, as {found}: give an empty one"
            )
            .into()),
        };
    }
    // A crash, or another relay that comes first, leaves a mark that is removed as any file without
    // a blob.
    let (mark, until_ms) = (files::draw_mark(), relay.shared_ms() + MAX_WRITE_MS);
    let drawn = mark.clone();
    let announced = relay
        .store
        .run(move |db| parts::announce(db, &drawn, until_ms));
    announced.await.map_err(failed)?;
    let put = mark.clone();
    let put = move |files: &dyn Files| files.put(&put, b"waxseal");
    relay.blobs.with_files(put).await?;
    let drawn = mark.clone();
    let named = relay.store.run(move |db| parts::name_store(db, &drawn));
    let named = named.await.map_err(failed)?;
    if named != mark {
        removal::discard(&relay.store, &relay.blobs, mark, relay.shared_ms()).await;
    }
    Ok(named)
}

/// Checks that the store has all files that the database names.
async fn refuse_incomplete(relay: &Relay) -> Result<(), Box<dyn Error>> {
    let mut after = (0, 0);
    while let Some(seen) = look(relay, after, false).await? {
        if let Some((_, name)) = seen.lost.first() {
            return Err(format!(
                "the store of blobs lacks the file {name} that the database names: copy all files \
                 to it first"
            )
            .into());
        }
        after = seen.last;
    }
    Ok(())
}

/// A file that the database does not name.
async fn foreign(relay: &Relay) -> Result<Option<String>, Box<dyn Error>> {
    let mut pages = relay.blobs.with_files(|files| files.list()).await?;
    while let Some((page, rest)) = next_page(relay, pages).await? {
        pages = rest;
        if let Some(stray) = strays(relay, page).await?.pop() {
            return Ok(Some(stray));
        }
    }
    Ok(None)
}

/// Those of some files that have no row.
async fn strays(relay: &Relay, names: Vec<String>) -> Result<Vec<String>, Box<dyn Error>> {
    let strays = relay.store.run(move |db| parts::strays(db, &names));
    Ok(strays.await.map_err(failed)?)
}

async fn next_page(
    relay: &Relay,
    mut pages: Pages,
) -> Result<Option<(Vec<String>, Pages)>, Box<dyn Error>> {
    let next = move |_: &dyn Files| Ok((pages.next().transpose()?, pages));
    let (page, rest) = relay.blobs.with_files(next).await?;
    Ok(page.map(|page| (page, rest)))
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
    while let Some((mut page, rest)) = next_page(relay, pages).await? {
        pages = rest;
        // CHK-723: only a file without a row is removed, and the rows are read after the names.
        page.retain(|name| !files::is_mark(name));
        let strays = strays(relay, page).await?;
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
    Ok(())
}

/// Deletes the rows of blobs of which a file is gone or too short, as after a backup of the
/// database alone. The uploads of unfinished ones begin again.
///
/// # Errors
/// Refuses to give up most files, unless they `are_known_lost`: the disk may not be mounted, or the
/// files not copied back yet.
pub async fn remove_lost(relay: &Relay, are_known_lost: bool) -> Result<(), Box<dyn Error>> {
    let are_all_lost = are_known_lost && any_file(relay).await?.is_none();
    let (mut after, mut named, mut lost) = ((0, 0), 0_usize, Vec::new());
    while let Some(seen) = look(relay, after, are_all_lost).await? {
        after = seen.last;
        named = named.saturating_add(seen.named);
        lost.extend(seen.lost);
    }
    if !are_known_lost && lost.len() > named / 2 {
        return Err(format!(
            "{} of the {named} files of blobs that the database names are gone or too short: mount \
             their disk, copy them back, or start once with --blobs-lost",
            lost.len()
        )
        .into());
    }
    // With one file, the blob is lost.
    lost.dedup_by_key(|(blob, _)| *blob);
    for batch in lost.chunks(BATCH) {
        let (batch, now_ms) = (batch.to_vec(), relay.agreed_ms());
        let lose = move |db: &Connection| {
            for (blob, name) in &batch {
                expiry::lose(db, *blob, name, now_ms)?;
            }
            Ok(())
        };
        relay.store.run(lose).await.map_err(failed)?;
    }
    if !lost.is_empty() {
        let count = lost.len();
        tracing::error!(count, "the files of blobs are gone or too short");
    }
    Ok(())
}

/// What was seen of some files.
struct Seen {
    /// The blob and the start of the last one.
    last: (i64, u64),
    /// How many the database names.
    named: usize,
    /// Those that are gone or too short, with their blobs.
    lost: Vec<(i64, String)>,
}

/// Looks at the next files that the database names, unless `are_lost`.
async fn look(
    relay: &Relay,
    after: (i64, u64),
    are_lost: bool,
) -> Result<Option<Seen>, Box<dyn Error>> {
    let next = move |db: &Connection| parts::of_all(db, after, files::PAGE);
    let next = relay.store.run(next).await.map_err(failed)?;
    let Some((blob, part)) = next.last() else {
        return Ok(None);
    };
    let mut seen = Seen {
        last: (*blob, part.start),
        named: next.len(),
        lost: Vec::new(),
    };
    if are_lost {
        seen.lost = next
            .into_iter()
            .map(|(blob, part)| (blob, part.name))
            .collect();
        return Ok(Some(seen));
    }
    let each = next.len().div_ceil(AT_ONCE).max(1);
    let chunks: Vec<_> = next.chunks(each).map(<[_]>::to_vec).collect();
    let working: Vec<_> = chunks
        .into_iter()
        .map(|parts| {
            let files = relay.blobs.files.clone();
            tokio::task::spawn_blocking(move || lost(&*files, parts))
        })
        .collect();
    for work in working {
        seen.lost.extend(work.await??);
    }
    Ok(Some(seen))
}

/// Those of some files that are gone or too short.
fn lost(files: &dyn Files, parts: Vec<(i64, Part)>) -> io::Result<Vec<(i64, String)>> {
    let mut lost = Vec::new();
    for (blob, part) in parts {
        match files.len(&part.name) {
            Ok(found) if found >= part.len => {}
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => lost.push((blob, part.name)),
        }
    }
    Ok(lost)
}

/// Any file of the store but a mark of this database.
async fn any_file(relay: &Relay) -> Result<Option<String>, Box<dyn Error>> {
    let known = name(relay).await?;
    let any = move |files: &dyn Files| {
        for page in files.list()? {
            let mut page = page?.into_iter();
            let found = page.find(|name| Some(name) != known.as_ref());
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    };
    Ok(relay.blobs.with_files(any).await?)
}

fn failed(_: crate::errors::Refusal) -> &'static str {
    "the database failed"
}
