//! Fields of forms and queries.

/// Maximum length of the body of a form, in bytes. A statement of reasons, percent-encoded, fits.
pub const MAX_FORM_LEN: usize = 64 << 10;

/// The field of a form that is shown again, to change it.
pub const CHANGE: &str = "change";

/// The fields of a form, in the order in which they were sent.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`. `None` if the bytes are not that.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_FORM_LEN {
            return None;
        }
        let pairs = bytes
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decoded(halves.next()?)?;
            Some((name, decoded(halves.next().unwrap_or_default())?))
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    /// The field with this name. Empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        let field = self.0.iter().find(|(known, _)| known == name);
        field.map_or("", |(_, value)| value)
    }

    /// Whether the officer changes what was about to be signed.
    pub fn is_changed(&self) -> bool {
        !self.get(CHANGE).is_empty()
    }

    /// The fields that the officer chose or wrote.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.0.iter();
        let fields = fields.map(|(name, value)| (name.as_str(), value.as_str()));
        fields.filter(|(name, _)| !["token", CHANGE].contains(name))
    }

    /// All fields with this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.0.iter();
        fields
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The same form with one more field.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A text that several lines may have. Browsers send line breaks as CRLF.
    pub fn lines(&self, name: &str) -> String {
        self.get(name).replace("\r\n", "\n").trim().to_owned()
    }
}

fn decoded(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [*rest.next()?, *rest.next()?];
                let digits = core::str::from_utf8(&digits).ok()?;
                u8::from_str_radix(digits, 16)
                    .ok()
                    .filter(|_| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?
            }
            byte => *byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests;
