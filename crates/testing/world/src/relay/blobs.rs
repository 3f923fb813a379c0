//! Blobs: sealed files, put in parts and fetched by range.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use waxseal::reporting::BlobId;
use waxseal::{AccountId, DeviceAddress};
use waxseal_interface::{BlobState, ErrorCode, MAX_BLOB_LEN, MAX_BLOB_PART_LEN};

use super::{Answered, IntoBody, Relay, json};

/// How long a whole blob is kept.
const KEPT_MS: u64 = 30 * 24 * 3_600_000;

/// How long an unfinished blob is kept after its newest part.
const UNFINISHED_MS: u64 = 24 * 3_600_000;

/// A blob, or what is left of one that was deleted: its place, which stays taken.
struct Blob {
    by: AccountId,
    len: u64,
    /// `None` if it was deleted.
    bytes: Option<Bytes>,
    kept_until_ms: u64,
}

/// The bytes of a blob that the relay has.
enum Bytes {
    Memory(Vec<u8>),
    /// In a file, which is this long.
    Disk(PathBuf, u64),
}

impl Bytes {
    fn new(folder: Option<&PathBuf>, id: &BlobId) -> Self {
        let Some(folder) = folder else {
            return Self::Memory(Vec::new());
        };
        let path = folder.join(id.to_text());
        fs::write(&path, []).unwrap();
        Self::Disk(path, 0)
    }

    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk(_, len) => *len,
        }
    }

    fn append(&mut self, more: &[u8]) {
        match self {
            Self::Memory(bytes) => bytes.extend_from_slice(more),
            Self::Disk(path, len) => {
                let mut file = OpenOptions::new().append(true).open(path).unwrap();
                file.write_all(more).unwrap();
                *len += more.len() as u64;
            }
        }
    }

    /// `None` if it has fewer bytes.
    fn range(&self, at: u64, len: usize) -> Option<Vec<u8>> {
        let end = at.checked_add(len as u64)?;
        if end > self.len() {
            return None;
        }
        match self {
            Self::Memory(bytes) => Some(bytes[at as usize..end as usize].to_vec()),
            Self::Disk(path, _) => {
                let mut range = vec![0; len];
                let mut file = File::open(path).unwrap();
                file.seek(SeekFrom::Start(at)).unwrap();
                file.read_exact(&mut range).unwrap();
                Some(range)
            }
        }
    }
}

/// The blobs of a relay.
#[derive(Default)]
pub(super) struct Blobs {
    /// Where new blobs are kept. In memory if it is `None`.
    folder: Option<PathBuf>,
    all: BTreeMap<BlobId, Blob>,
    /// Who may upload a blob again that was deleted.
    wanted: BTreeMap<BlobId, AccountId>,
}

impl Blob {
    fn state(&self) -> BlobState {
        BlobState {
            received: self.bytes.as_ref().map_or(0, Bytes::len),
            len: self.len,
            kept_until_ms: self.kept_until_ms,
        }
    }

    fn is_whole(&self) -> bool {
        self.bytes.is_some() && self.state().is_complete()
    }
}

/// Reads the id of a path, and the two numbers of its query.
fn parts_of(path: &str, names: [&str; 2]) -> Result<(BlobId, [u64; 2]), ErrorCode> {
    let (id, query) = path.split_once('?').ok_or(ErrorCode::NotFound)?;
    let id = BlobId::from_text(id).ok_or(ErrorCode::NotFound)?;
    Ok((id, numbers(query, names)?))
}

fn numbers(query: &str, names: [&str; 2]) -> Result<[u64; 2], ErrorCode> {
    let mut found = [0; 2];
    let (first, second) = query.split_once('&').ok_or(ErrorCode::Malformed)?;
    for ((text, name), number) in [first, second].iter().zip(names).zip(&mut found) {
        let text = text
            .strip_prefix(name)
            .and_then(|text| text.strip_prefix('='));
        let parsed = text.and_then(|text| text.parse().ok());
        *number = parsed.ok_or(ErrorCode::Malformed)?;
    }
    Ok(found)
}

impl Relay {
    pub(super) fn put_blob(&mut self, me: &DeviceAddress, path: &str, body: &[u8]) -> Answered {
        let (id, [at, of]) = parts_of(path, ["at", "of"]).map_err(ErrorCode::into_body)?;
        let state = self.put_part(me, id, (at, of), body);
        json(200, &state.map_err(ErrorCode::into_body)?)
    }

    fn put_part(
        &mut self,
        me: &DeviceAddress,
        id: BlobId,
        (at, of): (u64, u64),
        body: &[u8],
    ) -> Result<BlobState, ErrorCode> {
        let end = at.checked_add(body.len() as u64);
        if body.is_empty() || body.len() > MAX_BLOB_PART_LEN || of > MAX_BLOB_LEN {
            return Err(ErrorCode::Malformed);
        }
        if end.is_none_or(|end| end > of) {
            return Err(ErrorCode::Malformed);
        }
        self.expire_blobs();
        let (now_ms, account) = (self.provider.now.as_millis(), &me.account);
        let may_begin = match self.blobs.all.get(&id) {
            None => true,
            Some(gone) if gone.bytes.is_none() => self.blobs.wanted.get(&id) == Some(account),
            Some(blob) if blob.by != *account || blob.len != of => false,
            Some(_) => true,
        };
        if !may_begin {
            return Err(ErrorCode::BlobTaken);
        }
        let is_there = |blob: &&Blob| blob.bytes.is_some();
        if self.blobs.all.get(&id).filter(is_there).is_none() {
            let own = self.blobs.all.values().filter(is_there);
            let own = own.filter(|blob| blob.by == *account);
            let kept: u64 = own.map(|blob| blob.len).sum();
            if kept + of > self.blob_quota {
                return Err(ErrorCode::BlobQuota);
            }
            let blob = Blob {
                by: account.clone(),
                len: of,
                bytes: Some(Bytes::new(self.blobs.folder.as_ref(), &id)),
                kept_until_ms: now_ms + UNFINISHED_MS,
            };
            self.blobs.all.insert(id, blob);
        }
        let blob = self.blobs.all.get_mut(&id).unwrap();
        let bytes = blob.bytes.as_mut().unwrap();
        // What is there stays as it is, and what leaves a gap waits.
        if let Some(skipped) = bytes.len().checked_sub(at) {
            let new = body.get(skipped as usize..).unwrap_or_default();
            bytes.append(new);
            let kept_ms = match bytes.len() == of {
                true => KEPT_MS,
                false => UNFINISHED_MS,
            };
            if !new.is_empty() {
                blob.kept_until_ms = now_ms + kept_ms;
            }
        }
        Ok(blob.state())
    }

    pub(super) fn blob_state(&mut self, me: &DeviceAddress, id: &str) -> Answered {
        let id = BlobId::from_text(id).ok_or_else(|| ErrorCode::NotFound.into_body())?;
        self.expire_blobs();
        let blob = self.blobs.all.get(&id);
        let blob =
            blob.filter(|blob| blob.is_whole() || blob.bytes.is_some() && blob.by == me.account);
        let blob = blob.ok_or_else(|| ErrorCode::NoSuchBlob.into_body())?;
        json(200, &blob.state())
    }

    pub(super) fn blob_bytes(&mut self, id: &str, query: &str) -> Answered {
        let id = BlobId::from_text(id).ok_or_else(|| ErrorCode::NotFound.into_body())?;
        let query = query.strip_prefix("bytes?");
        let query = query.ok_or_else(|| ErrorCode::NotFound.into_body())?;
        let [at, len] = numbers(query, ["at", "len"]).map_err(ErrorCode::into_body)?;
        self.expire_blobs();
        let blob = self.blobs.all.get(&id).filter(|blob| blob.is_whole());
        let bytes = blob.and_then(|blob| blob.bytes.as_ref());
        let bytes = bytes.ok_or_else(|| ErrorCode::NoSuchBlob.into_body())?;
        let len = len as usize;
        let range = (1..=MAX_BLOB_PART_LEN).contains(&len);
        let range = range.then(|| bytes.range(at, len)).flatten();
        let range = range.ok_or_else(|| ErrorCode::Malformed.into_body())?;
        Ok((200, range, Vec::new()))
    }

    fn expire_blobs(&mut self) {
        let now_ms = self.provider.now.as_millis();
        for blob in self.blobs.all.values_mut() {
            if blob.kept_until_ms <= now_ms {
                blob.bytes = None;
            }
        }
    }

    /// The blobs of a report that the relay does not have, as indexes into its list. The account
    /// may upload them again.
    pub(super) fn missing_blobs(&mut self, by: &AccountId, named: &[BlobId]) -> Vec<usize> {
        self.expire_blobs();
        let mut missing = Vec::new();
        for (index, id) in named.iter().enumerate() {
            let blob = self.blobs.all.get_mut(id).filter(|blob| blob.is_whole());
            match blob {
                Some(blob) => blob.kept_until_ms = u64::MAX, // for the review
                None => {
                    missing.push(index);
                    self.blobs.wanted.insert(*id, by.clone());
                }
            }
        }
        missing
    }

    /// The blobs that the relay has, whole or not.
    pub fn blob_ids(&mut self) -> Vec<BlobId> {
        self.expire_blobs();
        let there = self
            .blobs
            .all
            .iter()
            .filter(|(_, blob)| blob.bytes.is_some());
        there.map(|(id, _)| *id).collect()
    }

    /// What the relay has of a blob in memory, which a hostile one can change.
    pub fn blob_mut(&mut self, id: &BlobId) -> Option<&mut Vec<u8>> {
        match self.blobs.all.get_mut(id)?.bytes.as_mut()? {
            Bytes::Memory(bytes) => Some(bytes),
            Bytes::Disk(..) => None,
        }
    }

    /// Keeps new blobs in files of this folder, where large ones take no memory.
    pub fn keep_blobs_in(&mut self, folder: &Path) {
        self.blobs.folder = Some(folder.to_owned());
    }

    /// The file that the relay keeps a blob in.
    pub fn blob_file(&self, id: &BlobId) -> Option<&Path> {
        match self.blobs.all.get(id)?.bytes.as_ref()? {
            Bytes::Memory(_) => None,
            Bytes::Disk(path, _) => Some(path),
        }
    }

    /// Claims that a blob has another length.
    pub fn set_blob_len(&mut self, id: &BlobId, len: u64) {
        if let Some(blob) = self.blobs.all.get_mut(id) {
            blob.len = len;
        }
    }

    /// Deletes a blob, as when its time is over.
    pub fn delete_blob(&mut self, id: &BlobId) {
        if let Some(blob) = self.blobs.all.get_mut(id) {
            blob.bytes = None;
        }
    }
}
