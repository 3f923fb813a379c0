//! Writes HTML so that text from outside stays text. Names of elements and attributes are those of
//! this program. Text and values are escaped, and nothing can be added without.

use core::fmt::Write as _;

use waxseal_relay::desk::Hex;

use crate::text::{Piece, pieces};

/// The elements that have no content.
const VOID: [&str; 5] = ["input", "link", "meta", "img", "br"];

/// A piece of a page.
pub struct Html {
    out: String,
    /// Before each link: the part of the address that differs with each run of the program.
    base: String,
    /// What is wrong with the fields of the page: their names, and a sentence for each.
    wrong: Vec<(&'static str, String)>,
}

impl Html {
    pub fn new(base: &str) -> Self {
        Self {
            out: String::with_capacity(8 << 10),
            base: base.to_owned(),
            wrong: Vec::new(),
        }
    }

    /// Notes what is wrong with the fields that follow.
    pub fn note_wrong(&mut self, wrong: &[(&'static str, String)]) {
        self.wrong = wrong.to_vec();
    }

    /// What is wrong with a field.
    pub fn wrong(&self, name: &str) -> Option<String> {
        let mut wrong = self.wrong.iter();
        let found = wrong.find(|(field, _)| *field == name);
        found.map(|(_, said)| said.clone())
    }

    /// The page.
    pub fn finish(self) -> String {
        let mut page = String::from("<!doctype html>\n");
        page.push_str(&self.out);
        page
    }

    /// An SVG picture or another piece that is no page by itself.
    #[cfg(test)]
    pub fn piece(self) -> String {
        self.out
    }

    /// Adds text of this program, or a number.
    pub fn text(&mut self, text: &str) {
        escape(&mut self.out, text);
    }

    /// Begins an element. [`Tag::put`], [`Tag::text`] or [`Tag::end`] ends it.
    pub fn tag(&mut self, name: &'static str) -> Tag<'_> {
        self.out.push('<');
        self.out.push_str(name);
        Tag { html: self, name }
    }

    /// Adds text of users on one line. It is set apart from the words of this program by a bar, and
    /// for those who hear the page by words. Its direction touches nothing else, and its invisible
    /// characters are shown.
    pub fn said(&mut self, text: &str) {
        self.quoted("said", text, false);
    }

    /// Adds text of users that may have several lines.
    pub fn said_lines(&mut self, text: &str) {
        self.quoted("said", text, true);
    }

    /// Adds text of officers, of the desk or of others who are no users. It has quotation marks in
    /// place of the bar.
    pub fn written(&mut self, text: &str) {
        self.quoted("written", text, false);
    }

    /// Adds text of officers or of the desk that may have several lines.
    pub fn written_lines(&mut self, text: &str) {
        self.quoted("written", text, true);
    }

    /// Adds a name from the policy.
    pub fn name(&mut self, name: &str) {
        self.tag("bdi")
            .class("name")
            .put(|html| html.pieces(name, false));
    }

    fn quoted(&mut self, class: &'static str, text: &str, lines: bool) {
        self.tag("span").class("unseen").text("Quote: ");
        let quote = self.tag("bdi").class(class);
        quote.put(|html| html.pieces(text, lines));
        self.tag("span").class("unseen").text(" End of quote. ");
    }

    fn pieces(&mut self, text: &str, lines: bool) {
        for piece in pieces(text, lines) {
            match piece {
                Piece::Text(text) => self.text(&text),
                Piece::Mark(mark) => self.tag("span").class("mark").text(&mark),
            }
        }
    }
}

macro_rules! attributes {
    ($($method:ident = $name:literal;)*) => {
        /// An element whose attributes are being added. None of them is an address, a style or an
        /// event handler.
        #[must_use]
        pub struct Tag<'a> {
            html: &'a mut Html,
            name: &'static str,
        }

        impl Tag<'_> {
            $(pub fn $method(self, value: &str) -> Self {
                self.add($name, value)
            })*
        }
    };
}

attributes! {
    alt = "alt";
    aria_current = "aria-current";
    aria_describedby = "aria-describedby";
    aria_invalid = "aria-invalid";
    aria_label = "aria-label";
    autocomplete = "autocomplete";
    charset = "charset";
    class = "class";
    content = "content";
    height = "height";
    id = "id";
    kind = "type";
    label_for = "for";
    lang = "lang";
    max = "max";
    max_length = "maxlength";
    method = "method";
    min = "min";
    name = "name";
    rel = "rel";
    role = "role";
    rows = "rows";
    scope = "scope";
    spell_check = "spellcheck";
    tab_index = "tabindex";
    text_anchor = "text-anchor";
    translate = "translate";
    value = "value";
    view_box = "viewBox";
    width = "width";
    writing_suggestions = "writingsuggestions";
    x = "x";
    x1 = "x1";
    x2 = "x2";
    y = "y";
    y1 = "y1";
    y2 = "y2";
}

impl Tag<'_> {
    fn add(self, name: &str, value: &str) -> Self {
        let out = &mut self.html.out;
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        escape(out, value);
        out.push('"');
        self
    }

    /// Adds an attribute without a value, if `is` holds.
    pub fn flag(self, name: &'static str, is: bool) -> Self {
        if is {
            self.html.out.push(' ');
            self.html.out.push_str(name);
        }
        self
    }

    pub fn href(self, link: &Link) -> Self {
        let to = link.below(&self.html.base);
        self.add("href", &to)
    }

    pub fn src(self, link: &Link) -> Self {
        let to = link.below(&self.html.base);
        self.add("src", &to)
    }

    pub fn action(self, link: &Link) -> Self {
        let to = link.below(&self.html.base);
        self.add("action", &to)
    }

    /// Ends the element with this content.
    pub fn put<T>(self, content: impl FnOnce(&mut Html) -> T) -> T {
        self.html.out.push('>');
        let given = content(self.html);
        self.html.out.push_str("</");
        self.html.out.push_str(self.name);
        self.html.out.push('>');
        given
    }

    /// Ends the element with text of this program.
    pub fn text(self, text: &str) {
        self.put(|html| html.text(text));
    }

    /// Ends the element without content.
    pub fn end(self) {
        if VOID.contains(&self.name) {
            self.html.out.push('>');
        } else {
            self.put(|_| ());
        }
    }
}

/// A link to a page of this program. It cannot lead elsewhere: it begins with a fixed path, and
/// what is added is hex, a number or percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    path: String,
    has_query: bool,
    outside: bool,
}

impl Link {
    /// A page, such as `/queue`.
    pub fn to(path: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            has_query: false,
            outside: false,
        }
    }

    /// A place in the same page.
    pub fn here(place: &'static str) -> Self {
        Self {
            path: format!("#{}", encoded(place)),
            has_query: false,
            outside: true,
        }
    }

    /// A message of the same page.
    pub fn message(number: u8) -> Self {
        let mut link = Self::here("m");
        let _ = write!(link.path, "{number}");
        link
    }

    /// A file that needs no session, such as the style sheet.
    pub fn public(path: &str) -> Self {
        let mut link = Self::to("/");
        link.path.push_str(&encoded(path.trim_start_matches('/')));
        link.outside = true;
        link
    }

    pub fn hex<const N: usize>(mut self, id: &Hex<N>) -> Self {
        let _ = write!(self.path, "/{id}");
        self
    }

    pub fn number(mut self, number: u64) -> Self {
        let _ = write!(self.path, "/{number}");
        self
    }

    /// A further fixed part of the path.
    pub fn part(mut self, part: &'static str) -> Self {
        self.path.push('/');
        self.path.push_str(part);
        self
    }

    /// A parameter of the query.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.path.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        let _ = write!(self.path, "{name}={}", encoded(value));
        self
    }

    /// A place in the page.
    pub fn at(mut self, place: &str) -> Self {
        let _ = write!(self.path, "#{}", encoded(place));
        self
    }

    /// The address below this base.
    pub fn below(&self, base: &str) -> String {
        if self.outside {
            self.path.clone()
        } else {
            format!("{base}{}", self.path)
        }
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// HTML, “Escaping a string”, in attribute mode and with both kinds of quotes. A byte that no page
/// can hold becomes the replacement character.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            // CHK-640: text and values from outside are never markup.
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
