//! Writes golden files of this version into the folder that its argument names.

#![expect(clippy::print_stderr, reason = "a program")]

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: golden FOLDER");
        return ExitCode::from(2);
    };
    match waxseal_world::golden::write(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("golden: {error}");
            ExitCode::FAILURE
        }
    }
}
