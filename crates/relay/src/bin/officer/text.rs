//! Makes what is invisible in text from outside visible, so that it misleads nobody.

/// Maximum number of marks on one letter. No language needs more.
const MAX_MARKS: usize = 4;

/// Maximum number of equal characters in a row that are shown.
const MAX_RUN: usize = 64;

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is.
    Text(String),
    /// What stands for characters that are not shown.
    Mark(String),
}

/// Splits a text. With `lines`, line breaks and tabs stay as they are.
pub fn pieces(text: &str, lines: bool) -> Vec<Piece> {
    let mut out = Pieces(Vec::new());
    let mut chars = text.chars().peekable();
    let (mut last, mut marks, mut run) = (None, 0_usize, 0_usize);
    while let Some(c) = chars.next() {
        if c == '\r' && lines && chars.peek() == Some(&'\n') {
            continue;
        }
        run = if last == Some(c) {
            run.saturating_add(1)
        } else {
            0
        };
        if is_mark(c) {
            marks = marks.saturating_add(1);
        } else {
            out.folded(marks.saturating_sub(MAX_MARKS), "marks");
            marks = 0;
        }
        if run >= MAX_RUN {
            if chars.peek() != Some(&c) {
                let more = run.saturating_sub(MAX_RUN).saturating_add(1);
                out.folded(more, "times the same");
            }
        } else if lines && matches!(c, '\n' | '\t') {
            out.text(c);
        } else if is_hidden(c) && !joins_emoji(c, last, chars.peek()) {
            out.mark(format!("U+{:04X}", u32::from(c)));
        } else if marks <= MAX_MARKS {
            out.text(c);
        }
        last = Some(c);
    }
    out.folded(marks.saturating_sub(MAX_MARKS), "marks");
    out.0
}

struct Pieces(Vec<Piece>);

impl Pieces {
    fn text(&mut self, c: char) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => text.push(c),
            _ => self.0.push(Piece::Text(c.into())),
        }
    }

    fn mark(&mut self, mark: String) {
        self.0.push(Piece::Mark(mark));
    }

    fn folded(&mut self, more: usize, what: &str) {
        if more > 0 {
            self.mark(format!("{more} more {what}"));
        }
    }
}

/// Whether nothing shows the character, or it changes the direction of others.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
            | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{13430}'..='\u{1343f}' | '\u{16fe4}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

/// A joiner between two emoji makes one picture of them.
fn joins_emoji(c: char, last: Option<char>, next: Option<&char>) -> bool {
    let is_emoji =
        |c: char| matches!(c, '\u{2600}'..='\u{27bf}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}');
    c == '\u{200d}' && last.is_some_and(is_emoji) && next.copied().is_some_and(is_emoji)
}

/// Whether the character is put on the one before it.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{6d6}'..='\u{6ed}'
        | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests;
