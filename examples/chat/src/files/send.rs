//! Sends files, and goes on with those that were interrupted.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use waxseal::courier::{
    Event, FileFailure, MAX_LABEL_LEN, NewFile, Transfer, Upload, UploadId, UploadPurpose,
};
use waxseal::errors::ResumeUploadError;
use waxseal::files::safe_name;
use waxseal::reporting::limits::MAX_FILE_PREVIEW_LEN;
use waxseal::transport::{now, system_rng};
use waxseal::{Conversation, Draft, FrankingTag};

use super::bar::{Bar, amount};
use super::media_type::of_name;
use super::path;
use super::source::{open, unreadable};
use super::transfer::{changed, is_about, not_now};
use super::wanted::give_wanted;
use crate::chat::{Chat, PAGE};
use crate::failure::{Failure, Outcome, TRY_LATER};
use crate::send;
use crate::text::{hex, quoted, short};

/// What `send-file` sends.
#[derive(Args)]
pub struct Sending {
    /// The account name of the recipient, or # and the title or the id of a group
    pub peer: String,
    /// The file, of at most 4 GiB. The recipient sees its name
    pub file: PathBuf,
    /// A text that comes with the file
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub caption: String,
    /// What kind of file it is, for example image/jpeg. By default the ending of its name decides
    #[arg(long, value_name = "TYPE")]
    pub media_type: Option<String>,
    /// A small picture to show before the file is fetched: at most 16,384 bytes
    #[arg(long, value_name = "FILE")]
    pub preview: Option<PathBuf>,
}

/// Sends a file, or goes on with one that was not sent to its end.
pub fn send(chat: &mut Chat, sending: &Sending) -> Outcome<()> {
    let to = send::recipient(chat, &sending.peer)?;
    let path =
        fs::canonicalize(&sending.file).map_err(|error| unreadable(&sending.file, error.kind()))?;
    let source = open(&path)?;
    let label = path::to_label(&path);
    if label.len() > MAX_LABEL_LEN {
        return Err(Failure::new("the path of the file is too long"));
    }
    let upload = match unfinished(chat, &to, &label)? {
        Some(upload) => match chat.courier.resume_upload(upload.id, Box::new(source)) {
            Ok(()) => {
                let id = hex(upload.id.as_bytes());
                chat.notice(format!(
                    "goes on with what was begun before, with its caption, type and preview of \
                     then: to change them, run `files --cancel {id}` first"
                ));
                upload.id
            }
            Err(ResumeUploadError::Changed) => return Err(changed(upload.id)),
            Err(error) => return Err(error.into()),
        },
        None => {
            let file = describe(sending, &path, label)?;
            let draft = Draft::from(sending.caption.as_str());
            let (courier, source) = (&mut chat.courier, Box::new(source));
            courier.send_file(&to, draft, file, source, now(), &mut system_rng())?
        }
    };
    let message = follow(chat, upload)?;
    send::sent(chat, &to, &message)
}

/// Sends the uploads that were interrupted, of all files that are still where they were, and gives
/// moderators the files that they lack.
pub fn resume(chat: &mut Chat) -> Outcome<()> {
    let mut failed = None;
    for upload in uploads(chat)? {
        let UploadPurpose::Message(to) = &upload.purpose else {
            continue; // it is a wanted one
        };
        let begun = match path::from_label(&upload.label) {
            Some(path) => open(&path).and_then(|source| {
                let resumed = chat.courier.resume_upload(upload.id, Box::new(source));
                match resumed {
                    Err(ResumeUploadError::Changed) => Err(changed(upload.id)),
                    resumed => Ok(resumed?),
                }
            }),
            None => Err(Failure::new("a file is not known by its path")),
        };
        let sent = begun.and_then(|()| {
            let message = follow(chat, upload.id)?;
            send::sent(chat, to, &message)
        });
        if let Err(failure) = sent {
            chat.notice(format!("{}: {}", quoted(&upload.name), failure.message));
            failed = failed.or(Some(failure));
        }
    }
    let given = give_wanted(chat);
    failed.map_or(given, Err)
}

/// Lists what was not sent to its end.
pub fn list(chat: &Chat) -> Outcome<()> {
    for upload in uploads(chat)? {
        let id = hex(upload.id.as_bytes());
        let size = amount(upload.size_bytes);
        match &upload.purpose {
            UploadPurpose::Message(to) => {
                let (name, to) = (quoted(&upload.name), chat.conversation(to));
                println!("{id}  {name}, {size}, to {to}");
            }
            UploadPurpose::Report(wanted) => {
                let message = short(&wanted.message);
                println!("{id}  {size}, for a report of message {message}");
            }
            _ => println!("{id}  {size}"),
        }
    }
    Ok(())
}

/// Gives an upload up. Its message is not sent.
pub fn cancel(chat: &mut Chat, id: &str) -> Outcome<()> {
    let id = id.to_lowercase();
    let mut named = uploads(chat)?;
    named.retain(|upload| hex(upload.id.as_bytes()).starts_with(&id));
    match named.as_slice() {
        [upload] => {
            chat.courier.cancel_upload(upload.id)?;
            println!("not sent: {}", quoted(&upload.name));
            Ok(())
        }
        [] => Err(Failure::new("no upload has this id: see `files`")),
        _ => Err(Failure::new("several uploads begin with this id")),
    }
}

/// Waits until a file is sent. Returns the message.
fn follow(chat: &mut Chat, upload: UploadId) -> Outcome<FrankingTag> {
    let (mut sent, mut failed, mut bar) = (None, None, Bar::new("sent"));
    let transfer = Transfer::Upload(upload);
    let ended = chat.run(|_, events| {
        events.retain(|event| match event {
            Event::FileSent {
                upload: of,
                message,
                ..
            } if *of == upload => {
                sent = Some(*message);
                false
            }
            event => !is_about(event, transfer, &mut bar, &mut failed),
        });
        Ok(sent.is_some() || failed.is_some())
    });
    bar.end();
    if let Some(message) = sent {
        return Ok(message);
    }
    Err(match failed {
        Some(FileFailure::SourceChanged) => changed(upload),
        Some(why) => not_now(&why),
        None => {
            let failure = ended.err();
            let why = failure.map_or_else(|| "the relay is silent".into(), |why| why.message);
            let message = format!("the file is not sent yet ({why}): run the same command again");
            Failure::with_code(TRY_LATER, message)
        }
    })
}

/// What the message says of a file.
fn describe(sending: &Sending, path: &Path, label: String) -> Outcome<NewFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fits = name.len() <= 255 && !name.chars().any(char::is_control);
    let name = match fits {
        true => name.into_owned(),
        false => safe_name(&name),
    };
    let media_type = sending.media_type.clone();
    let media_type = media_type.unwrap_or_else(|| of_name(&name).to_owned());
    let preview = match &sending.preview {
        Some(path) => {
            let mut bytes = Vec::new();
            let most = u64::try_from(MAX_FILE_PREVIEW_LEN).unwrap_or(u64::MAX);
            open(path)?
                .take(most.saturating_add(1))
                .read_to_end(&mut bytes)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Some((of_name(&name).to_owned(), bytes))
        }
        None => None,
    };
    Ok(NewFile {
        name,
        media_type,
        preview,
        label,
    })
}

/// All uploads that were not sent to their end.
fn uploads(chat: &Chat) -> Outcome<Vec<Upload>> {
    let (mut uploads, mut after) = (Vec::new(), None);
    loop {
        let page = chat.courier.uploads(after.as_ref(), PAGE)?;
        chat.notice_damage(&page.damaged, "files");
        uploads.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(uploads);
        }
    }
}

/// The upload of this file to this conversation that was not sent to its end.
fn unfinished(chat: &Chat, to: &Conversation, label: &str) -> Outcome<Option<Upload>> {
    let purpose = UploadPurpose::Message(to.clone());
    let mut all = uploads(chat)?.into_iter();
    Ok(all.find(|upload| upload.label == label && upload.purpose == purpose))
}
