//! Sources and targets in memory, and everything that can go wrong with them.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

use waxseal::files::FileTarget;

/// A source whose content a test can change while it is read.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) content: Arc<Mutex<Vec<u8>>>,
    /// Fails every read from now on.
    pub(crate) is_gone: Arc<Mutex<bool>>,
    place: u64,
}

impl Memory {
    pub(crate) fn new(content: &[u8]) -> Self {
        Self {
            content: Arc::new(Mutex::new(content.to_vec())),
            ..Self::default()
        }
    }
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if *self.is_gone.lock().unwrap() {
            return Err(ErrorKind::NotFound.into());
        }
        let content = self.content.lock().unwrap();
        let rest = content.get(self.place as usize..).unwrap_or_default();
        // A few bytes at a time, as a system may.
        let len = rest.len().min(buffer.len()).min(50_000);
        buffer[..len].copy_from_slice(&rest[..len]);
        self.place += len as u64;
        Ok(len)
    }
}

impl Seek for Memory {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let len = self.content.lock().unwrap().len() as u64;
        self.place = match to {
            SeekFrom::Start(place) => place,
            SeekFrom::End(0) => len,
            _ => return Err(ErrorKind::Unsupported.into()),
        };
        Ok(self.place)
    }
}

/// A source that claims a length and must not be read.
pub(crate) struct Claimed(pub(crate) u64);

impl Read for Claimed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("it is not read")
    }
}

impl Seek for Claimed {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        assert_eq!(to, SeekFrom::End(0));
        Ok(self.0)
    }
}

/// What a target holds.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) content: Vec<u8>,
    pub(crate) is_finished: bool,
    /// Most bytes that fit. `None` for any number.
    pub(crate) room: Option<usize>,
    /// How many further operations work. `None` for all.
    pub(crate) works: Option<usize>,
    /// Each byte that was ever written, by its place.
    pub(crate) written: usize,
}

/// A target that a test shares with a courier.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    pub(crate) held: Arc<Mutex<Held>>,
    place: usize,
}

impl Shared {
    pub(crate) fn with(content: &[u8]) -> Self {
        let shared = Self::default();
        shared.held.lock().unwrap().content = content.to_vec();
        shared
    }

    /// The content of a finished target.
    pub(crate) fn finished(&self) -> Vec<u8> {
        let held = self.held.lock().unwrap();
        assert!(held.is_finished);
        held.content.clone()
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        self.held.lock().unwrap().content.clone()
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.held.lock().unwrap().is_finished
    }

    pub(crate) fn written(&self) -> usize {
        self.held.lock().unwrap().written
    }

    pub(crate) fn set_room(&self, room: Option<usize>) {
        self.held.lock().unwrap().room = room;
    }
}

impl Held {
    fn works(&mut self) -> io::Result<()> {
        match &mut self.works {
            Some(0) => Err(ErrorKind::BrokenPipe.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut held = self.held.lock().unwrap();
        held.works()?;
        let rest = held.content.get(self.place..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.place += len;
        Ok(len)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.held.lock().unwrap();
        held.works()?;
        let room = held.room.unwrap_or(usize::MAX).saturating_sub(self.place);
        // Half of what fits comes first, and then the error.
        let len = bytes.len().min(room).min(40_000);
        if len == 0 && !bytes.is_empty() {
            return Err(ErrorKind::StorageFull.into());
        }
        let end = self.place + len;
        if held.content.len() < end {
            held.content.resize(end, 0);
        }
        held.content[self.place..end].copy_from_slice(&bytes[..len]);
        held.written += len;
        self.place = end;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(place) = to else {
            return Err(ErrorKind::Unsupported.into());
        };
        self.place = place as usize;
        Ok(place)
    }
}

impl FileTarget for Shared {
    fn finish(&mut self, len: u64) -> io::Result<()> {
        let mut held = self.held.lock().unwrap();
        held.works()?;
        if held.room.is_some_and(|room| room < len as usize) {
            return Err(ErrorKind::StorageFull.into());
        }
        held.content.resize(len as usize, 0);
        held.is_finished = true;
        Ok(())
    }
}
