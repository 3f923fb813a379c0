//! Writes XML 1.0: elements and text, and nothing else.

/// A document in the making.
pub(super) struct Xml {
    out: String,
    open: Vec<&'static str>,
}

impl Xml {
    /// Begins a document with this start tag, which has the name `root`.
    pub(super) fn new(root: &'static str, start: &str) -> Self {
        let out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{start}\n");
        Self {
            out,
            open: vec![root],
        }
    }

    /// Begins an element.
    pub(super) fn begin(&mut self, name: &'static str) {
        self.indent();
        self.out.push_str(&format!("<{name}>\n"));
        self.open.push(name);
    }

    /// Ends the element that was begun last.
    pub(super) fn end(&mut self) {
        let Some(name) = self.open.pop() else { return };
        self.indent();
        self.out.push_str(&format!("</{name}>\n"));
    }

    /// Adds an element with text.
    pub(super) fn text(&mut self, name: &'static str, text: &str) {
        self.text_with(name, "", text);
    }

    /// Adds an element with text, if there is a text.
    pub(super) fn optional(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Adds an element with text and an attribute that this crate wrote, such as ` type="SHA256"`.
    pub(super) fn text_with(&mut self, name: &'static str, attribute: &'static str, text: &str) {
        self.indent();
        self.out.push_str(&format!("<{name}{attribute}>"));
        escape(&mut self.out, text);
        self.out.push_str(&format!("</{name}>\n"));
    }

    /// Adds an empty element.
    pub(super) fn empty(&mut self, name: &'static str) {
        self.indent();
        self.out.push_str(&format!("<{name}/>\n"));
    }

    /// Ends all elements, and the document.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    fn indent(&mut self) {
        for _ in 0..self.open.len() {
            self.out.push_str("  ");
        }
    }
}

/// Text as a document can hold it: a character that XML 1.0 excludes becomes `⟨U+0001⟩`.
///
/// A message cannot keep its report from being filed by such a character, and the reader sees that
/// it was there. Source: Extensible Markup Language (XML) 1.0, production `Char`.
pub(super) fn visible(text: &str) -> String {
    // CHK-687: a document holds characters of XML 1.0 only.
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => {
                out.push(char);
            }
            other => out.push_str(&format!("⟨U+{:04X}⟩", u32::from(other))),
        }
    }
    out
}

fn escape(out: &mut String, text: &str) {
    for char in visible(text).chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            char => out.push(char),
        }
    }
}
