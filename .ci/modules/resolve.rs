//! Follows paths through re-exports to the modules that define their names, and so finds out which
//! file of a crate needs which other file.

use crate::parse::{Import, Source, parse};
use crate::tokens::tokens;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// All modules of one crate.
#[derive(Debug, Default)]
pub struct Tree {
    scopes: Vec<Scope>,
    /// The files. The root of the crate is the first.
    pub files: Vec<File>,
}

/// A file that is a module.
#[derive(Debug)]
pub struct File {
    /// Where the file is.
    pub path: PathBuf,
    /// The path of the module: empty for the root of the crate.
    pub module: Vec<String>,
}

#[derive(Debug)]
struct Scope {
    file: usize,
    parent: Option<usize>,
    children: HashMap<String, usize>,
    source: Source,
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Module(usize),
    /// An item that this module defines.
    Item(usize),
}

/// The names already looked up for one path: (module, name, whether it is the last segment). A name
/// is not looked up again, so imports that form a loop come to an end.
type Seen = HashSet<(usize, String, bool)>;

/// Pairs of files in which the first file needs the second, with the lines and paths that show it.
pub type Edges = BTreeMap<(usize, usize), Vec<(usize, String)>>;

impl Tree {
    /// Reads the crate with this root file. `read` returns the text of a file, if there is one.
    pub fn new(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Result<Self, String> {
        let mut tree = Self::default();
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        tree.add_file(root.to_owned(), folder, Vec::new(), None, read)?;
        Ok(tree)
    }

    fn add_file(
        &mut self,
        path: PathBuf,
        children: PathBuf,
        module: Vec<String>,
        parent: Option<usize>,
        read: &dyn Fn(&Path) -> Option<String>,
    ) -> Result<usize, String> {
        let text = read(&path).ok_or_else(|| format!("{} cannot be read", path.display()))?;
        let source = parse(&tokens(&text));
        self.files.push(File {
            path,
            module: module.clone(),
        });
        self.add_scope(self.files.len() - 1, source, children, module, parent, read)
    }

    /// Adds a module and all modules below it, whose files are in `folder`.
    fn add_scope(
        &mut self,
        file: usize,
        mut source: Source,
        folder: PathBuf,
        module: Vec<String>,
        parent: Option<usize>,
        read: &dyn Fn(&Path) -> Option<String>,
    ) -> Result<usize, String> {
        let inline = std::mem::take(&mut source.inline);
        let files = std::mem::take(&mut source.files);
        let scope = self.scopes.len();
        self.scopes.push(Scope {
            file,
            parent,
            children: HashMap::new(),
            source,
        });
        for (name, other) in files {
            let (path, below) = match other {
                Some(other) => {
                    let folder = self.files[file].path.parent().unwrap_or(Path::new(""));
                    let path = folder.join(other);
                    let below = path.parent().unwrap_or(Path::new("")).to_owned();
                    (path, below)
                }
                None => {
                    let below = folder.join(&name);
                    let flat = folder.join(format!("{name}.rs"));
                    let path = if read(&flat).is_some() {
                        flat
                    } else {
                        below.join("mod.rs")
                    };
                    (path, below)
                }
            };
            let mut module = module.clone();
            module.push(name.clone());
            let child = self.add_file(path, below, module, Some(scope), read)?;
            self.scopes[scope].children.insert(name, child);
        }
        for (name, source) in inline {
            let mut module = module.clone();
            module.push(name.clone());
            let below = folder.join(&name);
            let child = self.add_scope(file, source, below, module, Some(scope), read)?;
            self.scopes[scope].children.insert(name, child);
        }
        Ok(scope)
    }

    /// Returns the pairs of files in which the first file needs the second.
    ///
    /// Besides imports from other crates, two kinds of imports are left out. If a module only
    /// re-exports a name from a module below, as in `pub use self::child::Name`, and its code does
    /// not mention the name, it does not need that module. If a module imports another module, and
    /// re-exports it or writes paths through it, only these paths count.
    pub fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (index, scope) in self.scopes.iter().enumerate() {
            let mut add = |target: Option<Target>, line: usize, path: &[String]| {
                let (Some(Target::Module(to)) | Some(Target::Item(to))) = target else {
                    return;
                };
                let to = self.scopes[to].file;
                if to != scope.file {
                    edges
                        .entry((scope.file, to))
                        .or_default()
                        .push((line, path.join("::")));
                }
            };
            let Source {
                imports,
                paths,
                words,
                ..
            } = &scope.source;
            for import in imports {
                let target = self.resolve(index, &import.path, &mut HashSet::new());
                if import.name == "*" {
                    let Some(Target::Module(from)) = target else {
                        continue;
                    };
                    for word in words {
                        let named = self.look_up(from, word, true, &mut HashSet::new());
                        let path: Vec<_> = import.path.iter().chain([word]).cloned().collect();
                        add(named, import.line, &path);
                    }
                } else if !self.only_passes_on(index, import, target) {
                    add(target, import.line, &import.path);
                }
            }
            for (path, line) in paths {
                let head = self.resolve(index, &path[..1], &mut HashSet::new());
                if imports.iter().any(|import| import.name == path[0])
                    && matches!(head, Some(Target::Item(_)))
                {
                    continue; // the import of `Name` counts for `Name::new`
                }
                add(self.resolve(index, path, &mut HashSet::new()), *line, path);
            }
        }
        for places in edges.values_mut() {
            places.sort();
            places.dedup();
        }
        edges
    }

    fn only_passes_on(&self, scope: usize, import: &Import, target: Option<Target>) -> bool {
        let Source { paths, words, .. } = &self.scopes[scope].source;
        match target {
            Some(Target::Module(_)) => {
                import.public || paths.iter().any(|(path, _)| path[0] == import.name)
            }
            Some(Target::Item(to)) => {
                import.public && self.is_below(to, scope) && !words.contains(&import.name)
            }
            None => true,
        }
    }

    fn is_below(&self, scope: usize, above: usize) -> bool {
        let module = |scope: usize| &self.files[self.scopes[scope].file].module;
        module(scope).starts_with(module(above)) && module(scope) != module(above)
    }

    /// Follows a path from a module. Returns `None` if the path leads out of the crate.
    fn resolve(&self, from: usize, path: &[String], seen: &mut Seen) -> Option<Target> {
        let mut scope = from;
        for (index, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" if index == 0 => scope = 0,
                "self" if index == 0 => {}
                "super" => scope = self.scopes[scope].parent?,
                name => match self.look_up(scope, name, index + 1 == path.len(), seen) {
                    Some(Target::Module(child)) => scope = child,
                    Some(item) => return Some(item),
                    // The path begins with the name of another crate or the standard library.
                    None if index == 0 => return None,
                    // A macro in this module defines the name, or the name comes from another
                    // crate.
                    None => return Some(Target::Item(scope)),
                },
            }
        }
        Some(Target::Module(scope))
    }

    /// Looks up a name in a module. If an item and a module share the name, the last segment of a
    /// path means the item, and any other segment the module.
    fn look_up(&self, scope: usize, name: &str, last: bool, seen: &mut Seen) -> Option<Target> {
        if !seen.insert((scope, name.to_owned(), last)) {
            return None;
        }
        let Scope {
            children, source, ..
        } = &self.scopes[scope];
        let item = source.items.contains(name).then_some(Target::Item(scope));
        let child = children.get(name).map(|child| Target::Module(*child));
        let import = |seen: &mut Seen| {
            let import = source.imports.iter().find(|import| import.name == name)?;
            self.resolve(scope, &import.path, seen)
        };
        let found = if last {
            item.or_else(|| import(seen)).or(child)
        } else {
            child.or_else(|| import(seen)).or(item)
        };
        if found.is_some() {
            return found;
        }
        let globs = source.imports.iter().filter(|import| import.name == "*");
        globs.map(|glob| &glob.path).find_map(|path| {
            let Target::Module(other) = self.resolve(scope, path, seen)? else {
                return None;
            };
            self.look_up(other, name, last, seen)
        })
    }
}
