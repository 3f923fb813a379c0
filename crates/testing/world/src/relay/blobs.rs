//! Blobs: sealed files, put in parts and fetched by range.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Each blob in its place, from which everyone fetches it.
    all: BTreeMap<BlobId, Blob>,
    /// What accounts uploaded again for their reports. Only the review sees them.
    copies: BTreeMap<(AccountId, BlobId), Blob>,
    /// The blobs that reports of an account name, and that the relay does not hold for them.
    wanted: BTreeSet<(AccountId, BlobId)>,
    /// The blobs that the relay holds for reports of an account.
    held: BTreeMap<(AccountId, BlobId), u64>,
}

impl Blobs {
    /// What an account means by the id of a blob: its own copy if it has or needs one.
    fn seen_by(&mut self, account: &AccountId, id: &BlobId) -> Option<&mut Blob> {
        let own = (account.clone(), *id);
        match self.wanted.contains(&own) || self.copies.contains_key(&own) {
            true => self.copies.get_mut(&own),
            false => self.all.get_mut(id),
        }
    }

    /// Whether the reports of an account may hold so much more.
    fn may_hold(&self, account: &AccountId, len: u64, quota: u64) -> bool {
        let held = self.held.iter().filter(|((by, _), _)| by == account);
        let unfinished = self.copies.iter();
        let unfinished =
            unfinished.filter(|(own, _)| own.0 == *account && !self.held.contains_key(*own));
        let unfinished: u64 = unfinished.map(|(_, copy)| copy.len).sum();
        held.map(|(_, len)| len).sum::<u64>() + unfinished + len <= quota
    }
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
        let own = (account.clone(), id);
        let is_wanted = self.blobs.wanted.contains(&own);
        match self.blobs.seen_by(account, &id) {
            Some(blob) if blob.bytes.is_none() || blob.by != *account || blob.len != of => {
                return Err(ErrorCode::BlobTaken);
            }
            Some(_) => {}
            None => {
                let there = self.blobs.all.values().filter(|blob| blob.bytes.is_some());
                let kept: u64 = there
                    .filter(|blob| blob.by == *account)
                    .map(|blob| blob.len)
                    .sum();
                let has_room = match is_wanted {
                    true => self.blobs.may_hold(account, of, self.hold_quota),
                    false => kept + of <= self.blob_quota,
                };
                if !has_room {
                    return Err(ErrorCode::BlobQuota);
                }
                let blob = Blob {
                    by: account.clone(),
                    len: of,
                    bytes: Some(Bytes::new(self.blobs.folder.as_ref(), &id)),
                    kept_until_ms: now_ms + UNFINISHED_MS,
                };
                match is_wanted {
                    true => self.blobs.copies.insert(own.clone(), blob),
                    false => self.blobs.all.insert(id, blob),
                };
            }
        }
        let blob = self.blobs.seen_by(account, &id).unwrap();
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
        if is_wanted && blob.is_whole() {
            blob.kept_until_ms = u64::MAX; // for the review
            self.blobs.wanted.remove(&own);
            self.blobs.held.insert(own, of);
        }
        Ok(self.blobs.seen_by(account, &id).unwrap().state())
    }

    pub(super) fn blob_state(&mut self, me: &DeviceAddress, id: &str) -> Answered {
        let id = BlobId::from_text(id).ok_or_else(|| ErrorCode::NotFound.into_body())?;
        self.expire_blobs();
        let blob = self.blobs.seen_by(&me.account, &id);
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
        self.blobs
            .copies
            .retain(|_, copy| copy.kept_until_ms > now_ms);
    }

    /// The blobs of a report that the relay does not have or may not hold, as indexes into its
    /// list. The account may upload them again.
    pub(super) fn missing_blobs(&mut self, by: &AccountId, named: &[BlobId]) -> Vec<usize> {
        self.expire_blobs();
        let mut missing = Vec::new();
        for (index, id) in named.iter().enumerate() {
            let own = (by.clone(), *id);
            if self.blobs.held.contains_key(&own) {
                continue;
            }
            let there = self.blobs.all.get(id).filter(|blob| blob.is_whole());
            let len = there.map(|blob| blob.len);
            match len.filter(|len| self.blobs.may_hold(by, *len, self.hold_quota)) {
                Some(len) => {
                    let blob = self.blobs.all.get_mut(id).unwrap();
                    blob.kept_until_ms = u64::MAX; // for the review
                    self.blobs.held.insert(own, len);
                }
                None => {
                    missing.push(index);
                    self.blobs.wanted.insert(own);
                }
            }
        }
        missing
    }

    /// The blobs that the relay has, whole or not.
    pub fn blob_ids(&mut self) -> Vec<BlobId> {
        self.expire_blobs();
        let public = self.blobs.all.iter();
        let public = public.filter(|(_, blob)| blob.bytes.is_some());
        let copies = self.blobs.copies.keys().map(|(_, id)| *id);
        let there: BTreeSet<_> = public.map(|(id, _)| *id).chain(copies).collect();
        there.into_iter().collect()
    }

    /// Whether the relay holds a blob for a report of this account.
    #[must_use]
    pub fn holds(&self, by: &AccountId, id: &BlobId) -> bool {
        self.blobs.held.contains_key(&(by.clone(), *id))
    }

    /// What the relay has of a blob in memory, which a hostile one can change. A copy for a report
    /// if it has nothing else.
    pub fn blob_mut(&mut self, id: &BlobId) -> Option<&mut Vec<u8>> {
        let public = self
            .blobs
            .all
            .get_mut(id)
            .and_then(|blob| blob.bytes.as_mut());
        let copies = self.blobs.copies.iter_mut();
        let mut copies = copies.filter(|((_, copied), _)| copied == id);
        match public.or_else(|| copies.next().and_then(|(_, copy)| copy.bytes.as_mut()))? {
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
