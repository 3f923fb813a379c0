//! Reads what a file declares, imports and names. Skips code that only tests compile.

use crate::tokens::{Kind, Token};
use std::collections::{HashMap, HashSet};

/// The contents of a module, which is a file or a `mod name { … }` inside one.
#[derive(Debug, Default)]
pub struct Source {
    /// Names of the items that the module defines.
    pub items: HashSet<String>,
    /// The names that the module's `use` declarations import, also those inside functions.
    pub imports: Vec<Import>,
    /// Paths of two or more segments outside `use` declarations, with their lines.
    pub paths: Vec<(Vec<String>, usize)>,
    /// Every word outside `use` declarations.
    pub words: HashSet<String>,
    /// Modules declared as `mod name;`, each with the file that its `#[path]` gives, if it has one.
    pub files: Vec<(String, Option<String>)>,
    /// Modules written as `mod name { … }`.
    pub inline: HashMap<String, Source>,
}

/// One name that a `use` declaration brings into its module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The name in this module; `*` for a glob.
    pub name: String,
    pub path: Vec<String>,
    pub line: usize,
    /// Whether the import is a re-export, so that other modules can name it here.
    pub public: bool,
}

/// Reads the tokens of one file.
pub fn parse(tokens: &[Token]) -> Source {
    let mut parser = Parser { tokens, at: 0 };
    parser.module()
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Parser<'a> {
    fn word(&self, ahead: usize) -> Option<&str> {
        self.tokens.get(self.at + ahead)?.word()
    }

    fn is(&self, ahead: usize, mark: char) -> bool {
        self.tokens
            .get(self.at + ahead)
            .is_some_and(|token| token.is(mark))
    }

    fn colons(&self, at: usize) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.kind == Kind::Colons)
    }

    /// Reads a module up to the end of the file, or up to and including its closing brace.
    fn module(&mut self) -> Source {
        let mut source = Source::default();
        let (mut depth, mut path, mut public) = (0_usize, None, false);
        while let Some(token) = self.tokens.get(self.at) {
            match &token.kind {
                Kind::Mark('#') if self.is(1, '[') || (self.is(1, '!') && self.is(2, '[')) => {
                    let attribute = self.attribute();
                    if is_test(attribute) {
                        self.skip_item();
                    } else if attribute.first().and_then(Token::word) == Some("path") {
                        path = attribute.iter().find_map(|token| match &token.kind {
                            Kind::Text(text) => Some(text.clone()),
                            _ => None,
                        });
                    }
                    continue;
                }
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') if depth == 0 => {
                    self.at += 1;
                    return source;
                }
                Kind::Mark('}') => depth -= 1,
                Kind::Word(word) => match word.as_str() {
                    "pub" => {
                        public = true;
                        self.at += 1;
                        let within =
                            matches!(self.word(1), Some("crate" | "super" | "self" | "in"));
                        if self.is(0, '(') && within {
                            self.skip_group();
                        }
                        continue;
                    }
                    "use" if !self.is(1, '<') => {
                        self.at += 1;
                        // `use ::name` imports from another crate, which does not count.
                        if !self.colons(self.at) {
                            self.use_tree(&mut Vec::new(), public, &mut source.imports);
                        }
                        while self.tokens.get(self.at).is_some_and(|token| !token.is(';')) {
                            self.at += 1;
                        }
                    }
                    "mod" if self.word(1).is_some() && self.is(2, ';') => {
                        let name = self.word(1).unwrap_or_default().to_owned();
                        if name != "tests" {
                            source.files.push((name, path.take()));
                        }
                        self.at += 2;
                    }
                    "mod" if self.word(1).is_some() && self.is(2, '{') => {
                        let name = self.word(1).unwrap_or_default().to_owned();
                        self.at += 3;
                        let inner = self.module();
                        if name != "tests" {
                            source.words.extend(inner.words.iter().cloned());
                            source.inline.insert(name, inner);
                        }
                        public = false;
                        continue;
                    }
                    "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static"
                        if depth == 0 =>
                    {
                        let mutable = usize::from(self.word(1) == Some("mut"));
                        source
                            .items
                            .extend(self.word(1 + mutable).map(str::to_owned));
                    }
                    "macro_rules" if self.is(1, '!') => {
                        source.items.extend(self.word(2).map(str::to_owned));
                    }
                    _ => {
                        let head = self.at == 0 || !self.colons(self.at - 1);
                        let line = token.line;
                        let segments = self.segments();
                        source.words.extend(segments.iter().cloned());
                        if head && segments.len() > 1 {
                            source.paths.push((segments, line));
                        }
                        public = false;
                        continue;
                    }
                },
                _ => {}
            }
            public = false;
            self.at += 1;
        }
        source
    }

    /// Reads the segments of a path.
    fn segments(&mut self) -> Vec<String> {
        let mut segments = Vec::new();
        while let Some(word) = self.word(0) {
            segments.push(word.to_owned());
            self.at += 1;
            if !self.colons(self.at) || self.word(1).is_none() {
                break;
            }
            self.at += 1;
        }
        segments
    }

    /// Reads a use tree whose paths start with `prefix`.
    fn use_tree(&mut self, prefix: &mut Vec<String>, public: bool, imports: &mut Vec<Import>) {
        let depth = prefix.len();
        while let Some(token) = self.tokens.get(self.at) {
            let line = token.line;
            self.at += 1;
            let mut import = |name: String, path: Vec<String>| {
                imports.push(Import {
                    name,
                    path,
                    line,
                    public,
                });
            };
            match &token.kind {
                Kind::Mark('{') => {
                    while !self.is(0, '}') && self.at < self.tokens.len() {
                        self.use_tree(prefix, public, imports);
                        if self.is(0, ',') {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                }
                Kind::Mark('*') => import("*".to_owned(), prefix.clone()),
                Kind::Word(word) => {
                    // `a::{self}` imports `a`.
                    if word != "self" || prefix.is_empty() {
                        prefix.push(word.clone());
                    }
                    if self.colons(self.at) {
                        self.at += 1;
                        continue;
                    }
                    let mut name = prefix.last().cloned().unwrap_or_default();
                    if self.word(0) == Some("as") {
                        name = self.word(1).unwrap_or_default().to_owned();
                        self.at += 2;
                    }
                    import(name, prefix.clone());
                }
                _ => {}
            }
            break;
        }
        prefix.truncate(depth);
    }

    /// Skips an attribute and returns the tokens between its brackets.
    fn attribute(&mut self) -> &'a [Token] {
        while !self.is(0, '[') {
            self.at += 1;
        }
        let start = self.at + 1;
        self.skip_group();
        self.tokens.get(start..self.at - 1).unwrap_or_default()
    }

    /// Skips a group in brackets of any kind.
    fn skip_group(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            match token.kind {
                Kind::Mark('(' | '[' | '{') => depth += 1,
                Kind::Mark(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Skips the item, statement, field or match arm that follows an attribute.
    fn skip_item(&mut self) {
        while self.is(0, '#') {
            self.attribute();
        }
        let start = self.at;
        let first = |words: &[&str]| {
            self.tokens[start..]
                .iter()
                .take(6)
                .filter_map(Token::word)
                .any(|w| words.contains(&w))
        };
        // If the item has a `body`, its closing brace ends the item. An item that ends with a
        // `semicolon` can have braces too, but they belong to an expression or a use tree.
        let body = first(&[
            "fn",
            "struct",
            "enum",
            "union",
            "trait",
            "impl",
            "mod",
            "macro_rules",
        ]);
        let semicolon = first(&["use", "const", "static", "type", "let"]);
        while let Some(token) = self.tokens.get(self.at) {
            match token.kind {
                Kind::Mark(';') => {
                    self.at += 1;
                    return;
                }
                Kind::Mark(',') if !body && !semicolon => {
                    self.at += 1;
                    return;
                }
                Kind::Mark('}') => return, // the end of the struct or match
                Kind::Mark('{') => {
                    self.skip_group();
                    if body || !semicolon {
                        return;
                    }
                }
                Kind::Mark('(' | '[') => self.skip_group(),
                _ => self.at += 1,
            }
        }
    }
}

/// Whether only tests compile the item after this attribute: `#[test]`, `#[cfg(test)]` or
/// `#[cfg(all(test, …))]`.
fn is_test(attribute: &[Token]) -> bool {
    let words: Vec<_> = attribute.iter().filter_map(Token::word).take(3).collect();
    matches!(
        words[..],
        ["test"] | ["cfg", "test", ..] | ["cfg", "all", "test"]
    )
}
