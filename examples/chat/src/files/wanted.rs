//! Files of reported messages that moderators lack, and that were saved here.

use std::fs::File;

use waxseal::courier::{Event, FileFailure, Transfer, UploadId, WantedFile};
use waxseal::transport::{now, system_rng};

use super::bar::Bar;
use super::path;
use super::source::open;
use super::transfer::is_about;
use crate::chat::Chat;
use crate::failure::{Failure, Outcome, TRY_LATER};
use crate::text::short;

/// Where a file was saved that moderators lack. `None` if it was not, or is there no more.
pub fn saved_copy(chat: &Chat, wanted: &WantedFile) -> Option<(String, File)> {
    let label = chat.home.memory.saved(&wanted.message, wanted.part)?;
    let source = open(&path::from_label(label)?).ok()?;
    Some((label.to_owned(), source))
}

/// Gives moderators the files that they lack, from the copies that were saved.
pub fn give_wanted(chat: &mut Chat) -> Outcome<()> {
    let mut failed = None;
    for wanted in chat.courier.files_wanted()? {
        let Some((label, source)) = saved_copy(chat, &wanted) else {
            continue; // the notice said so
        };
        let (courier, rng) = (&mut chat.courier, &mut system_rng());
        let upload = courier.upload_again(&wanted, &label, Box::new(source), now(), rng)?;
        let id = short(&wanted.message);
        match await_given(chat, upload) {
            Ok(()) => println!("gave the moderators the file of message {id} once more"),
            Err(failure) => {
                let message = format!("the moderators lack the file of message {id}");
                chat.notice(format!("{message}: {}", failure.message));
                failed = failed.or(Some(failure));
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Waits until the moderators have a file.
fn await_given(chat: &mut Chat, upload: UploadId) -> Outcome<()> {
    let (mut is_given, mut failed, mut bar) = (false, None, Bar::new("sent"));
    let transfer = Transfer::Upload(upload);
    let ended = chat.run(|_, events| {
        events.retain(|event| match event {
            Event::FileUploadedAgain { upload: of, .. } if *of == upload => {
                is_given = true;
                false
            }
            event => !is_about(event, transfer, &mut bar, &mut failed),
        });
        Ok(is_given || failed.is_some())
    });
    bar.end();
    match (is_given, failed) {
        (true, _) => Ok(()),
        (false, Some(FileFailure::SourceChanged)) => {
            Err(Failure::new("the copy that was saved here changed"))
        }
        (false, why) => {
            let why = why.map(|why| why.to_string());
            let why = why.or_else(|| Some(ended.err()?.message));
            let why = why.unwrap_or_else(|| "the relay is silent".into());
            let message = format!("{why}: run `files --resume`");
            Err(Failure::with_code(TRY_LATER, message))
        }
    }
}
