//! Splits Rust source into the tokens that name modules and items. Comments and the contents of
//! most literals are dropped.

/// The kinds of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Word(String),
    /// A string literal, without its quotes. Only `#[path = "…"]` needs the contents.
    Text(String),
    /// `::`
    Colons,
    /// Any other character.
    Mark(char),
}

/// A token and the line it stands on, counted from 1.
#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub line: usize,
}

impl Token {
    /// Returns the name or keyword, if this is one.
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Returns whether this is the character `mark`.
    pub fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// Splits `source` into tokens.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        chars: source.chars().collect(),
        at: 0,
        line: 1,
    };
    let mut found = Vec::new();
    loop {
        let kind = lexer.next();
        match kind {
            Some((kind, line)) => found.push(Token { kind, line }),
            None => return found,
        }
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn next(&mut self) -> Option<(Kind, usize)> {
        loop {
            let line = self.line;
            let kind = match self.bump()? {
                c if c.is_whitespace() => continue,
                '/' if self.peek(0) == Some('/') => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.bump();
                    }
                    continue;
                }
                '/' if self.peek(0) == Some('*') => {
                    self.block_comment();
                    continue;
                }
                '"' => Kind::Text(self.string()),
                '\'' => {
                    self.char_or_lifetime();
                    continue;
                }
                ':' if self.peek(0) == Some(':') => {
                    self.bump();
                    Kind::Colons
                }
                c if c == '_' || c.is_alphanumeric() => match self.word(c) {
                    Some(kind) => kind,
                    None => continue,
                },
                c => Kind::Mark(c),
            };
            return Some((kind, line));
        }
    }

    /// Skips a block comment, which may contain others.
    fn block_comment(&mut self) {
        let mut depth = 1;
        self.bump();
        while depth > 0 {
            match (self.bump(), self.peek(0)) {
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.bump();
                }
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.bump();
                }
                (None, _) => return,
                _ => {}
            }
        }
    }

    /// Reads the rest of a string after its opening quote. Escapes stay as they are written.
    fn string(&mut self) -> String {
        let mut text = String::new();
        while let Some(c) = self.bump() {
            match c {
                '"' => break,
                '\\' => {
                    text.push(c);
                    text.extend(self.bump());
                }
                _ => text.push(c),
            }
        }
        text
    }

    /// Skips the rest of `'x'`, `'\n'` or `'lifetime` after the first quote.
    fn char_or_lifetime(&mut self) {
        if self.peek(0) == Some('\\') {
            self.bump();
            self.bump();
            while self.bump().is_some_and(|c| c != '\'') {}
        } else if self.peek(1) == Some('\'') {
            self.bump();
            self.bump();
        } else {
            while self
                .peek(0)
                .is_some_and(|c| c == '_' || c.is_alphanumeric())
            {
                self.bump();
            }
        }
    }

    /// Reads a word that starts with `first`. If the word is the prefix of a string literal, such
    /// as `br`, reads the string instead. Skips a byte literal such as `b'x'` and returns `None`.
    fn word(&mut self, first: char) -> Option<Kind> {
        let mut word = String::from(first);
        while let Some(c) = self.peek(0).filter(|c| *c == '_' || c.is_alphanumeric()) {
            word.push(c);
            self.bump();
        }
        match (word.as_str(), self.peek(0)) {
            ("b" | "c", Some('"')) => {
                self.bump();
                Some(Kind::Text(self.string()))
            }
            ("b", Some('\'')) => {
                self.bump();
                self.char_or_lifetime();
                None
            }
            ("r" | "br" | "cr", Some('"' | '#')) => match self.raw_string() {
                Some(text) => Some(Kind::Text(text)),
                None => {
                    self.bump(); // the `#` of a raw name: `r#type`
                    let first = self.bump()?;
                    self.word(first)
                }
            },
            _ => Some(Kind::Word(word)),
        }
    }

    /// Reads a raw string after its `r`. Returns `None` if this is a raw name.
    fn raw_string(&mut self) -> Option<String> {
        let mut hashes = 0;
        while self.peek(hashes) == Some('#') {
            hashes += 1;
        }
        if self.peek(hashes) != Some('"') {
            return None;
        }
        for _ in 0..=hashes {
            self.bump();
        }
        let mut text = String::new();
        while let Some(c) = self.bump() {
            if c == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                for _ in 0..hashes {
                    self.bump();
                }
                break;
            }
            text.push(c);
        }
        Some(text)
    }
}
