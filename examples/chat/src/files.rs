//! Files: sends them, saves them, and goes on with what was interrupted.

mod bar;
mod media_type;
mod path;

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use waxseal::courier::{
    DownloadId, Event, FileFailure, MAX_LABEL_LEN, NewFile, Transfer, Upload, UploadId,
    UploadPurpose, WantedFile,
};
use waxseal::errors::ResumeUploadError;
use waxseal::files::{SavedFile, safe_name};
use waxseal::reporting::limits::MAX_FILE_PREVIEW_LEN;
use waxseal::reporting::message::FileAttachment;
use waxseal::transport::{now, system_rng};
use waxseal::{Attachment, Conversation, Draft, FrankingTag, Message};

use self::bar::Bar;
pub use self::bar::amount;
use self::media_type::of_name;
use crate::chat::{Chat, PAGE};
use crate::failure::{Failure, Outcome, TRY_LATER};
use crate::send;
use crate::text::{hex, printable, quoted, short};

/// Maximum number of names that are tried for a saved file: `photo (1).jpg` and so on.
const MAX_NAMES: u32 = 1_000;

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
            Ok(()) => upload.id,
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

/// Sends the uploads that were interrupted, of all files that are still where they were.
pub fn resume(chat: &mut Chat) -> Outcome<()> {
    let mut failed = None;
    for upload in uploads(chat)? {
        let UploadPurpose::Message(to) = &upload.purpose else {
            continue; // `report` names it
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
    failed.map_or(Ok(()), Err)
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

/// The files of a message that this version can save, each with its place among the attachments.
pub fn files_of(message: &Message) -> Vec<(usize, &FileAttachment)> {
    let attachments = message.attachments().iter().enumerate();
    attachments
        .filter_map(|(place, attachment)| match attachment {
            Attachment::File(file) => Some((place, file)),
            _ => None,
        })
        .collect()
}

/// The first part of the message that an attachment takes, by its place among the attachments.
pub fn part_of(message: &Message, place: usize) -> usize {
    let before = message.attachments().iter().take(place);
    before.fold(2, |part, attachment| {
        part.saturating_add(attachment.part_count())
    })
}

/// Describes the files of a message for people, each on a line of its own.
pub fn lines(message: &Message) -> String {
    let mut lines = String::new();
    for (number, (_, file)) in (1..).zip(files_of(message)) {
        let file = file.descriptor();
        let (name, size) = (quoted(file.name()), amount(file.size_bytes()));
        let kind = printable(file.media_type());
        lines += &format!("\n    file {number}: {name}, {size}, {kind}");
    }
    let known = files_of(message).len();
    let others = message.attachments().len().saturating_sub(known);
    if others > 0 {
        lines += &format!("\n    and {others} attachments that this version cannot show");
    }
    lines
}

/// Uploads a saved file again, because moderators cannot open it any more. Returns whether it is
/// where it was saved.
pub fn upload_again(chat: &mut Chat, wanted: &WantedFile) -> bool {
    let memory = &chat.home.memory;
    let Some(label) = memory.saved(&wanted.message, wanted.part) else {
        return false;
    };
    let Some(Ok(source)) = path::from_label(label).map(|path| open(&path)) else {
        return false;
    };
    let (label, source) = (label.to_owned(), Box::new(source));
    let (courier, rng) = (&mut chat.courier, &mut system_rng());
    courier
        .upload_again(wanted, &label, source, now(), rng)
        .is_ok()
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

/// Takes what is told of a transfer. Returns whether the event is that.
fn is_about(
    event: &Event,
    transfer: Transfer,
    bar: &mut Bar,
    failed: &mut Option<FileFailure>,
) -> bool {
    match event {
        Event::FileProgress {
            transfer: told,
            done,
            of,
        } if *told == transfer => bar.show(*done, *of),
        Event::FileFailed {
            transfer: told,
            why,
        } if *told == transfer => *failed = Some(why.clone()),
        _ => return false,
    }
    true
}

/// Says why a file does not go on, and what to do.
fn not_now(why: &FileFailure) -> Failure {
    let again = "run the same command again";
    match why {
        FileFailure::Gone | FileFailure::Altered => Failure::new(why.to_string()),
        FileFailure::Quota | FileFailure::Target(_) | FileFailure::Source(_) => {
            Failure::with_code(TRY_LATER, format!("{why}: {again} when that has changed"))
        }
        _ => Failure::new(why.to_string()),
    }
}

fn changed(upload: UploadId) -> Failure {
    let id = hex(upload.as_bytes());
    Failure::new(format!(
        "the file changed since it was begun to send it: run `files --cancel {id}`, and send it anew"
    ))
}

fn unreadable(path: &Path, kind: ErrorKind) -> Failure {
    let path = printable(&path.to_string_lossy());
    Failure::new(format!("cannot read {path}: {kind}"))
}

/// Opens a file to send. Refuses anything else that has a name, such as a folder or a pipe.
fn open(path: &Path) -> Outcome<File> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error.kind()))?;
    if !metadata.is_file() {
        let path = printable(&path.to_string_lossy());
        return Err(Failure::new(format!("{path} is not a file")));
    }
    File::open(path).map_err(|error| unreadable(path, error.kind()))
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
