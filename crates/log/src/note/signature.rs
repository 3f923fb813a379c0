//! One signature line of a note.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits::MAX_NAME_LEN;

/// Begins each signature line: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// One signature of a note, unchecked: `— name base64(key id 4 || signature)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    pub(super) name: String,
    pub(super) id: [u8; 4],
    pub(super) bytes: Vec<u8>,
}

impl NoteSignature {
    /// Reads a line, without its newline; `None` if it is not one of a signature.
    pub fn decode(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix(DASH)?.split_once(' ')?;
        let signature = STANDARD.decode(signature).ok()?;
        let (id, bytes) = signature.split_first_chunk::<4>()?;
        (is_name(name) && !bytes.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_vec(),
        })
    }

    /// Name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the key: four bytes of a hash over name, algorithm and key.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Whether two signatures name the same key.
    pub(super) fn same_key(&self, other: &Self) -> bool {
        self.name == other.name && self.id == other.id
    }
}

/// The line, without its newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// Whether a key may have this name: 1 to 255 bytes without spaces, control characters and `+`.
pub(super) fn is_name(name: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    !name.is_empty() && name.len() <= MAX_NAME_LEN && !name.contains(refused)
}
