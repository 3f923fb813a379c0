//! Bounds the names that describe a file.

/// Maximum length of a media type, in bytes. RFC 6838 allows names of this length.
pub const MAX_MEDIA_TYPE_LEN: usize = 127;

/// Maximum length of an attachment's location, in bytes. Browsers accept addresses of this length.
pub const MAX_LOCATION_LEN: usize = 2_048;

/// Maximum length of the name of a file, in bytes: what file systems accept.
pub const MAX_FILE_NAME_LEN: usize = 255;

/// Whether a text has at most `max_len` bytes, all of visible ASCII.
pub(crate) fn is_visible(text: &str, max_len: usize) -> bool {
    text.len() <= max_len && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a name is within its bounds and has no control characters. It may be empty.
pub(crate) fn is_file_name(name: &str) -> bool {
    name.len() <= MAX_FILE_NAME_LEN && !name.chars().any(char::is_control)
}
