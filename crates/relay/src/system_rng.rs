//! The random generator of the operating system.

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rand_core::CryptoRng;

/// The random generator of the operating system, for keys that live long.
///
/// A generator in memory, such as `rand::rng()`, is copied when a process forks or when a virtual
/// machine is cloned. Both copies then draw the same keys. This generator has no state to copy. All
/// of this package's programs, and the chat, draw from it alone.
///
/// It panics if the system gives no randomness, after which no key could be made anyway.
pub fn system_rng() -> impl CryptoRng {
    UnwrapErr(SysRng)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// All Rust code under `dir` outside tests.
    fn sources(dir: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                // What only tests use may draw from any generator.
                if name != "tests" {
                    sources(&path, found);
                }
            } else if name.ends_with(".rs") && name != "tests.rs" && name != "fixture.rs" {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                found.push((path.display().to_string(), code.to_owned()));
            }
        }
    }

    #[test]
    fn no_program_draws_keys_from_a_generator_that_a_fork_copies() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        sources(&here.join("src"), &mut found);
        sources(&here.join("../interface/src"), &mut found);
        sources(&here.join("../../examples/chat/src"), &mut found);
        assert!(found.len() > 50);
        for (path, code) in found {
            for line in code.lines().filter(|line| !line.contains("//")) {
                let copied = ["rand::rng()", "rand::random", "ThreadRng", "thread_rng"];
                assert!(
                    !copied.iter().any(|name| line.contains(name)),
                    "{path}: {line}"
                );
            }
        }
    }
}
