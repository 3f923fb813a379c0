//! Names: what a sender claims, made harmless.

/// Maximum length of what [`safe_name`] returns, in bytes. Most file systems take names of 255
/// bytes. The rest is for what an application, or [`SavedFile`](super::SavedFile), puts around it.
pub const MAX_SAFE_NAME_LEN: usize = 200;

/// Maximum length of an ending that is kept when a name is cut, with its dot, in bytes.
const MAX_ENDING_LEN: usize = 17;

/// The name of a file that has none.
const NAMELESS: &str = "file";

/// Makes a file name of one that a sender claimed. The result is a single component of a path on
/// every system, is never hidden, and shows as what it is.
///
/// | claimed | becomes |
/// |---|---|
/// | something with `/` or `\` | what comes after the last one |
/// | control characters, marks that change the direction of text, invisible characters | nothing |
/// | any run of white space | one space |
/// | one of `: * ? " < > \|` | `_` |
/// | dots and spaces at either end | nothing |
/// | `-` or `~` at the beginning, `~` at the end | `_` |
/// | a name of a device, such as `con` or `lpt1.txt` | the same after a `_` |
/// | more than [`MAX_SAFE_NAME_LEN`] bytes | cut before its ending |
/// | nothing | `file` |
///
/// ```
/// use waxseal::files::safe_name;
/// assert_eq!(safe_name("C:\\photos\\cat.jpg"), "cat.jpg");
/// assert_eq!(safe_name("..bashrc"), "bashrc");
/// assert_eq!(safe_name("gpj.\u{202e}exe"), "gpj.exe");
/// ```
///
/// # Security
/// The ending is as claimed. Open nothing by it without asking the user.
pub fn safe_name(claimed: &str) -> String {
    let is_separator = |c| matches!(c, '/' | '\\');
    let mut parts = claimed.rsplit(is_separator).map(clean);
    let name = parts.find(|name| !name.is_empty());
    let mut name = name.unwrap_or_else(|| NAMELESS.to_owned());
    if is_device(&name) {
        name.insert(0, '_');
    }
    let mut name = cut(name);
    if name.ends_with('~') {
        name.pop();
        name.push('_');
    }
    name
}

/// A component of a path without what is dangerous or cannot be seen.
fn clean(part: &str) -> String {
    let mut name = String::new();
    for c in part.chars() {
        match c {
            c if c.is_whitespace() => {
                if !name.ends_with(' ') {
                    name.push(' ');
                }
            }
            c if c.is_control() || is_invisible(c) => {}
            ':' | '*' | '?' | '"' | '<' | '>' | '|' => name.push('_'),
            c => name.push(c),
        }
    }
    let name = name.trim_matches([' ', '.']);
    match name.strip_prefix(['-', '~']) {
        Some(rest) => format!("_{rest}"),
        None => name.to_owned(),
    }
}

/// Whether a character shows nothing, or changes how those around it show.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether some system takes the name for one of a device.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_uppercase();
    let numbered = ["COM", "LPT"]
        .iter()
        .find_map(|device| stem.strip_prefix(device));
    match numbered {
        Some(number) => matches!(
            number,
            "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
        ),
        None => matches!(
            stem.as_str(),
            "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$"
        ),
    }
}

/// Shortens a name to the maximum length, before its ending.
fn cut(name: String) -> String {
    if name.len() <= MAX_SAFE_NAME_LEN {
        return name;
    }
    let (stem, ending) = match name.rfind('.').map(|dot| name.split_at(dot)) {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= MAX_ENDING_LEN => {
            (stem, ending)
        }
        _ => (name.as_str(), ""),
    };
    let room = MAX_SAFE_NAME_LEN.saturating_sub(ending.len());
    let end = boundary(stem, room);
    let stem = stem.get(..end).unwrap_or_default();
    let cut = format!("{stem}{ending}");
    cut.trim_end_matches([' ', '.']).to_owned()
}

/// The last place to cut a longer text at, up to this many bytes.
fn boundary(text: &str, at_most: usize) -> usize {
    let starts = text.char_indices().map(|(at, _)| at);
    let starts = starts.take_while(|at| *at <= at_most);
    starts.last().unwrap_or_default()
}

#[cfg(test)]
mod tests;
