//! Guesses the media type of a file by its name, for its recipient.

/// Media types by the ending of a name.
const KNOWN: [(&str, &str); 20] = [
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("heic", "image/heic"),
    ("svg", "image/svg+xml"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("ogg", "audio/ogg"),
    ("wav", "audio/wav"),
    ("pdf", "application/pdf"),
    ("zip", "application/zip"),
    ("json", "application/json"),
    ("csv", "text/csv"),
    ("txt", "text/plain"),
];

/// The media type of a file of this name. That of any bytes, if the ending is not known.
pub fn of_name(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let known = KNOWN.iter();
    let mut known = known.filter(|(known, _)| known.eq_ignore_ascii_case(ending));
    known
        .next()
        .map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides() {
        assert_eq!(of_name("a.tar.JPG"), "image/jpeg");
        assert_eq!(of_name("notes.txt"), "text/plain");
        for other in ["", "jpg", "a.", "a.exe", "a.jpg "] {
            assert_eq!(of_name(other), "application/octet-stream", "{other}");
        }
    }
}
