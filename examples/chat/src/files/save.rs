//! Saves files of messages.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use waxseal::courier::{DownloadId, Event, Transfer};
use waxseal::files::{SavedFile, safe_name};

use super::attached::{files_of, part_of};
use super::bar::{Bar, amount};
use super::path;
use super::transfer::{is_about, not_now};
use crate::chat::Chat;
use crate::failure::{Failure, Outcome, TRY_LATER};
use crate::text::printable;

/// Maximum number of names that are tried for a saved file: `photo (1).jpg` and so on.
const MAX_NAMES: u32 = 1_000;

/// What `save` saves.
#[derive(Args)]
pub struct Saving {
    /// The message's id, or enough of its beginning to be unique
    pub message_id: String,
    /// Which of the message's files, starting at 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub file: usize,
    /// Where to write it: a new file, or a folder. By default the file gets the name that its
    /// sender gave it, made harmless, in the present folder
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
}

/// Saves a file of a message, or goes on with one that was not saved to its end.
pub fn save(chat: &mut Chat, saving: &Saving) -> Outcome<()> {
    let (with, id) = chat.find(&saving.message_id)?;
    let message = chat.client().message(&with, &id)?;
    let message = message.ok_or_else(|| Failure::new("the message is gone"))?;
    let files = files_of(&message);
    let chosen = saving.file.checked_sub(1).and_then(|n| files.get(n));
    let Some((attachment, file)) = chosen else {
        return Err(Failure::new(match files.len() {
            0 => "the message has no file that can be saved".to_owned(),
            count => format!("the message has {count} files"),
        }));
    };
    let target = target(saving.out.as_deref(), file.descriptor().name())?;
    let path = target.destination().to_owned();
    let download = chat
        .courier
        .save_file(&with, &id, *attachment, Box::new(target))?;
    let of = file.descriptor().size_bytes();
    await_saved(chat, download, of)?;
    let label = path::to_label(&fs::canonicalize(&path)?);
    chat.home
        .memory
        .note_saved(&id, part_of(&message, *attachment), label);
    chat.home.remember()?;
    println!(
        "saved {} as {}",
        amount(of),
        printable(&path.to_string_lossy())
    );
    Ok(())
}

/// Waits until a file is saved.
fn await_saved(chat: &mut Chat, download: DownloadId, of: u64) -> Outcome<()> {
    let (mut is_saved, mut failed, mut bar) = (false, None, Bar::new("saved"));
    let transfer = Transfer::Download(download);
    let ended = chat.run(|_, events| {
        events.retain(|event| match event {
            Event::FileSaved { download: of, .. } if *of == download => {
                is_saved = true;
                false
            }
            event => !is_about(event, transfer, &mut bar, &mut failed),
        });
        Ok(is_saved || failed.is_some())
    });
    if is_saved {
        bar.show(of, of);
    }
    bar.end();
    match (is_saved, failed) {
        (true, _) => Ok(()),
        (false, Some(why)) => Err(not_now(&why)),
        (false, None) => {
            let why = ended
                .err()
                .map_or_else(String::new, |failure| failure.message);
            let message = format!("the file is not saved yet ({why}): run the same command again");
            Err(Failure::with_code(TRY_LATER, message))
        }
    }
}

/// Where a file is saved: at the chosen place, or under a free name.
fn target(out: Option<&Path>, claimed: &str) -> Outcome<SavedFile> {
    let folder = match out {
        Some(out) if out.is_dir() => out,
        Some(out) => {
            return SavedFile::create(out).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => {
                    Failure::new("there is a file already: nothing is replaced")
                }
                _ => error.into(),
            });
        }
        None => Path::new("."),
    };
    let name = safe_name(claimed);
    let (stem, ending) = match name.rfind('.').map(|dot| name.split_at(dot)) {
        Some((stem, ending)) if !stem.is_empty() => (stem, ending),
        _ => (name.as_str(), ""),
    };
    for number in 0..MAX_NAMES {
        let name = match number {
            0 => name.clone(),
            number => format!("{stem} ({number}){ending}"),
        };
        match SavedFile::create(folder.join(name)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return Ok(created?),
        }
    }
    Err(Failure::new(
        "too many files of this name are there: choose another with --out",
    ))
}
