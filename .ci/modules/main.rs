//! Looks for circles among the modules of each crate. `.ci/circles` runs this program and says what
//! counts as a circle. It needs only the standard library, so that `rustc` alone builds it.

mod circle;
mod parse;
mod resolve;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use circle::circles;
use resolve::{Edges, File, Tree};

/// Reads one line per crate from standard input: the crate's name, a tab and its root file. Fails
/// if any crate has a circle.
fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("circles: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<usize, String> {
    let here = env::current_dir().map_err(|error| error.to_string())?;
    let mut input = String::new();
    io::stdin()
        .read_to_string(&mut input)
        .map_err(|error| error.to_string())?;
    let (mut crates, mut files, mut needs, mut found) = (0, 0, 0, 0);
    for line in input.lines() {
        let (name, root) = line
            .split_once('\t')
            .ok_or(format!("not a crate: {line}"))?;
        let root = Path::new(root)
            .strip_prefix(&here)
            .unwrap_or(Path::new(root));
        let tree = Tree::new(root, &|path| fs::read_to_string(path).ok())?;
        let edges = tree.edges();
        for circle in circles(&tree.files, &edges) {
            found += 1;
            print(name, &tree.files, &edges, &circle);
        }
        crates += 1;
        files += tree.files.len();
        needs += edges.len();
    }
    if crates == 0 {
        return Err("no crates given".to_owned());
    }
    println!(
        "{crates} crates, {files} files that need each other in {needs} ways: {found} circles"
    );
    Ok(found)
}

fn print(name: &str, files: &[File], edges: &Edges, circle: &BTreeSet<usize>) {
    let module = |file: usize| match files[file].module.join("::") {
        root if root.is_empty() => "crate".to_owned(),
        module => module,
    };
    let members: Vec<_> = circle.iter().map(|file| module(*file)).collect();
    println!(
        "{name}: a circle of {} files: {}",
        members.len(),
        members.join(", ")
    );
    for ((from, to), places) in edges {
        if circle.contains(from) && circle.contains(to) {
            println!("  {} needs {}", module(*from), module(*to));
            for (line, path) in places {
                println!("    {}:{line}: {path}", files[*from].path.display());
            }
        }
    }
}
