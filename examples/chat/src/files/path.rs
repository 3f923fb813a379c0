//! Notes the path of a file as text, also if its name is no text.

use std::path::{Path, PathBuf};

/// A path as text.
#[cfg(unix)]
pub fn to_label(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    match path.to_str() {
        Some(path) => path.to_owned(),
        // No path that is noted as text begins like this, because all of them are absolute.
        None => format!("hex:{}", crate::text::hex(path.as_os_str().as_bytes())),
    }
}

/// The path that was noted; `None` if it is none.
#[cfg(unix)]
pub fn from_label(label: &str) -> Option<PathBuf> {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let Some(digits) = label.strip_prefix("hex:") else {
        return Some(label.into());
    };
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes: Option<Vec<u8>> = bytes.collect();
    let path = PathBuf::from(OsString::from_vec(bytes?));
    (to_label(&path) == label).then_some(path)
}

/// A path as text. On other platforms it may not lead back to the file.
#[cfg(not(unix))]
pub fn to_label(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The path that was noted.
#[cfg(not(unix))]
pub fn from_label(label: &str) -> Option<PathBuf> {
    Some(label.into())
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn every_path_is_noted() {
        let no_text = OsStr::from_bytes(b"/a/\xff\x80.jpg");
        for path in [Path::new("/a/b c.jpg"), Path::new(no_text)] {
            assert_eq!(from_label(&to_label(path)).as_deref(), Some(path));
        }
        for other in [
            "hex:f", "hex:ff8", "hex:+1", "hex:zz", "hex:61", "hex:FF", "hex:",
        ] {
            assert_eq!(from_label(other), None, "{other}");
        }
    }
}
