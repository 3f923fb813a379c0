//! Uploads: files on their way to the provider, each until its message is stored.
//!
//! The order of the commits decides what a crash can do. The record of an upload is committed
//! before the first byte of the file leaves the device. The provider has the whole blob before the
//! message is stored. The message enters the outbox in the transaction that deletes the record. So
//! whenever the process ends, there is either the record, with the key and the id of the blob, or
//! the message.

mod wanted;

use rand_core::CryptoRng;
use waxseal_reporting::file::{FileDescriptor, FileKey, FileRoot, FileShape};
use waxseal_reporting::message::{FileAttachment, FilePreview};
use waxseal_reporting::sender::SentMessage;
use waxseal_reporting::{Audience, BlobId, ConversationId, Timestamp};

pub use self::wanted::WantedFile;
use crate::client::page::Page;
use crate::client::send::Draft;
use crate::client::{Client, keys};
use crate::conversation::Conversation;
use crate::error::{SendError, SendFileError, StateError};
use crate::records::{
    self, ConversationRecord, FileMessageRecord, FileUploadRecord, PreviewRecord, take_secret_bytes,
};
use crate::store::{Cursor, Store, Transaction};

/// Names an upload on this device. 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId([u8; 16]);

impl UploadId {
    /// The 16 bytes, for the application's own notes about the upload.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id with these 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        Self(id)
    }
}

/// A file to send: what its message says of it.
#[derive(Clone, Default)]
pub struct NewFile {
    /// The file's name, without directories. Up to 255 bytes without control characters. It may be
    /// empty.
    pub name: String,
    /// The media type, for example `image/jpeg`. Up to 127 bytes of visible ASCII. It may be empty.
    pub media_type: String,
    /// A small picture that the message shows before the file is fetched: its media type, and 1 to
    /// [`MAX_FILE_PREVIEW_LEN`](waxseal_reporting::limits::MAX_FILE_PREVIEW_LEN) bytes.
    pub preview: Option<(String, Vec<u8>)>,
    /// A note for the application itself, such as the path of the file, to find it again after a
    /// restart. Up to [`MAX_LABEL_LEN`] bytes. It does not leave the device.
    pub label: String,
}

impl std::fmt::Debug for NewFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewFile").finish_non_exhaustive()
    }
}

/// Maximum length of the [`label`](NewFile::label) of an upload, in bytes: a path.
pub const MAX_LABEL_LEN: usize = 4_096;

/// A file whose upload has not ended.
#[derive(Clone, PartialEq, Eq)]
pub struct Upload {
    /// The upload.
    pub id: UploadId,
    /// What the file is for.
    pub purpose: UploadPurpose,
    /// The name in the message. Empty if it is for a report.
    pub name: String,
    /// The file's size.
    pub size_bytes: u64,
    /// The application's [note](NewFile::label).
    pub label: String,
    /// When the upload began.
    pub began_at: Timestamp,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("id", &self.id)
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

/// What a file is uploaded for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadPurpose {
    /// A message to this conversation, which is sent when the provider has the file.
    Message(Conversation),
    /// A report of this message, whose file the provider lacks.
    Report(WantedFile),
}

/// An upload as its record has it.
pub(crate) struct KeptUpload {
    pub(crate) id: UploadId,
    pub(crate) blob: BlobId,
    pub(crate) key: FileKey,
    pub(crate) shape: FileShape,
    pub(crate) root: Option<FileRoot>,
    pub(crate) purpose: UploadPurpose,
    record: FileUploadRecord,
}

impl KeptUpload {
    fn of(record: FileUploadRecord) -> Option<Self> {
        let bytes32 = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).ok();
        let purpose = match (&record.message, &record.again) {
            (Some(message), None) => UploadPurpose::Message(message.to()?),
            (None, Some(wanted)) => UploadPurpose::Report(WantedFile::of(wanted)?),
            _ => return None,
        };
        Some(Self {
            id: UploadId(record.id.as_slice().try_into().ok()?),
            blob: BlobId::from_bytes(bytes32(&record.blob)?),
            key: FileKey::from_bytes(bytes32(&record.key)?),
            shape: FileShape::new(record.size_bytes).ok()?,
            root: match record.root.as_slice() {
                [] => None,
                root => Some(FileRoot::from_bytes(bytes32(root)?)),
            },
            purpose,
            record,
        })
    }

    fn listed(&self) -> Upload {
        let message = self.record.message.as_ref();
        Upload {
            id: self.id,
            purpose: self.purpose.clone(),
            name: message.map_or_else(String::new, |message| message.name.clone()),
            size_bytes: self.shape.size_bytes(),
            label: self.record.label.clone(),
            began_at: Timestamp::from_millis(self.record.began_ms),
        }
    }

    /// The message with the file, once its root is known. `None` if the record was damaged.
    pub(crate) fn message(&self) -> Option<(Conversation, Draft)> {
        let record = self.record.message.as_ref()?;
        let location = FileDescriptor::blob_location(&self.blob);
        let file = FileDescriptor::new(
            self.shape,
            self.root?,
            &record.media_type,
            &record.name,
            &location,
        );
        let preview = match &record.preview {
            Some(preview) => Some(FilePreview::new(&preview.media_type, &preview.bytes).ok()?),
            None => None,
        };
        let file = FileAttachment::new(file.ok()?, self.key.clone(), preview);
        let draft = SentMessage::decode(&record.draft).ok()?;
        let draft = Draft::of_payload(&draft.payload()?).attach(file);
        let draft = draft.ending(keys::upload(&self.id.0));
        Some((record.to()?, draft))
    }
}

impl<S: Store> Client<S> {
    /// Stores that a file is to be uploaded for a message. Checks that the message can be sent, as
    /// far as that can be known now.
    pub(crate) fn begin_upload(
        &mut self,
        (to, draft): (&Conversation, &Draft),
        file: &NewFile,
        shape: FileShape,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<KeptUpload, SendFileError<S::Error>> {
        match to {
            Conversation::Direct(account) if *account == self.me.account => {
                return Err(SendError::OwnAccount.into());
            }
            Conversation::Direct(_) => {}
            Conversation::Group(group) => {
                self.look(|client| client.writable_group(group, false).map(drop))?;
            }
        }
        let mut message = FileMessageRecord::default();
        (message.account, message.group) = to.to_record();
        message.name.clone_from(&file.name);
        message.media_type.clone_from(&file.media_type);
        message.preview = file.preview.as_ref().map(|(media_type, bytes)| {
            let mut preview = PreviewRecord::default();
            preview.media_type.clone_from(media_type);
            preview.bytes.clone_from(bytes);
            preview
        });
        let numbering = self.look(|client| client.upload_numbering(to));
        let numbering = numbering.map_err(SendError::State)?;
        let payload = draft.clone().payload(&numbering, now);
        let payload = payload.map_err(SendError::Content)?;
        let draft = SentMessage::commit(&self.me, &self.conversation_id(to), &payload, rng);
        message.draft = take_secret_bytes(draft.encode());
        let mut record = FileUploadRecord::default();
        record.id = UploadId::draw(rng).0.to_vec();
        record.began_ms = now.as_millis();
        record.blob = BlobId::generate(rng).as_bytes().to_vec();
        record.key = FileKey::generate(rng).as_bytes().to_vec();
        record.size_bytes = shape.size_bytes();
        record.label.clone_from(&file.label);
        record.message = Some(message);
        // The message is made with some root, so that one which cannot be sent fails now.
        let mut tried = record.clone();
        tried.root = vec![0; 32];
        let tried = KeptUpload::of(tried).and_then(|tried| tried.message());
        let (_, tried) = tried.ok_or(SendFileError::Description)?;
        let tried = tried.payload(&numbering, now);
        tried.map_err(SendError::Content)?;
        self.put_upload(&record).map_err(SendError::State)?;
        KeptUpload::of(record).ok_or(SendFileError::Description)
    }

    /// A numbering with which a message is as long as with any other, and has the timer of the
    /// conversation.
    fn upload_numbering(
        &self,
        to: &Conversation,
    ) -> Result<ConversationRecord, StateError<S::Error>> {
        let known = self.numbering(to)?.unwrap_or_default();
        Ok(ConversationRecord {
            last_seen: vec![0; 32],
            timer: known.timer,
            ..ConversationRecord::default()
        })
    }

    fn conversation_id(&self, to: &Conversation) -> ConversationId {
        match to {
            Conversation::Direct(account) => {
                Audience::Direct(account.clone()).conversation(&self.me.account)
            }
            Conversation::Group(group) => ConversationId::from_bytes(group.to_bytes()),
        }
    }

    fn put_upload(&mut self, record: &FileUploadRecord) -> Result<(), StateError<S::Error>> {
        let Ok(id) = record.id.as_slice().try_into() else {
            return Ok(()); // every record has an id
        };
        self.run(|client| {
            let mut transaction = Transaction::default();
            transaction.put_record(keys::upload(id), record);
            client.commit(transaction)
        })
    }

    /// An upload that has not ended. `None` if it has, or if its record is damaged.
    pub(crate) fn kept_upload(
        &self,
        id: UploadId,
    ) -> Result<Option<KeptUpload>, StateError<S::Error>> {
        let record = self.look(|client| client.readable(&keys::upload(&id.0)))?;
        Ok(record.and_then(KeptUpload::of))
    }

    /// Whether an upload has a record, also a damaged one.
    pub(crate) fn has_upload(&self, id: UploadId) -> Result<bool, StateError<S::Error>> {
        self.look(|client| match client.get(&keys::upload(&id.0)) {
            Ok(row) => Ok(row.is_some()),
            Err(StateError::Damaged(_)) => Ok(true),
            Err(error) => Err(error),
        })
    }

    /// Lists the uploads that have not ended, after the cursor `after`.
    pub(crate) fn list_uploads(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<Upload>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::uploads(), after, limit, |_, bytes| {
                Some(KeptUpload::of(records::decode(bytes)?)?.listed())
            })
        })
    }

    /// Notes what the file is, before anything of it leaves the device. Returns whether the upload
    /// is still wanted.
    pub(crate) fn note_root(
        &mut self,
        id: UploadId,
        root: &FileRoot,
    ) -> Result<bool, StateError<S::Error>> {
        self.change_upload(id, |record| record.root = root.as_bytes().to_vec())
    }

    /// Notes another blob, because the provider does not take the one before. Returns whether the
    /// upload is still wanted.
    pub(crate) fn note_blob(
        &mut self,
        id: UploadId,
        blob: &BlobId,
    ) -> Result<bool, StateError<S::Error>> {
        self.change_upload(id, |record| record.blob = blob.as_bytes().to_vec())
    }

    fn change_upload(
        &mut self,
        id: UploadId,
        change: impl Fn(&mut FileUploadRecord),
    ) -> Result<bool, StateError<S::Error>> {
        self.run(|client| {
            let record: Option<FileUploadRecord> = client.readable(&keys::upload(&id.0))?;
            let Some(mut record) = record else {
                return Ok(false);
            };
            change(&mut record);
            let mut transaction = Transaction::default();
            transaction.put_record(keys::upload(&id.0), &record);
            client.commit(transaction)?;
            Ok(true)
        })
    }

    /// Forgets an upload. Returns whether there was one.
    pub(crate) fn delete_upload(&mut self, id: UploadId) -> Result<bool, StateError<S::Error>> {
        self.run(|client| {
            let key = keys::upload(&id.0);
            match client.get(&key) {
                Ok(None) => return Ok(false),
                Ok(Some(_)) | Err(StateError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
            let mut transaction = Transaction::default();
            transaction.delete(key);
            client.commit(transaction)?;
            Ok(true)
        })
    }
}
