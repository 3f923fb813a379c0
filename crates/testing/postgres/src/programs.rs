//! The programs of PostgreSQL, and the user who may run them.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What demands a PostgreSQL: tests fail where there is none.
const DEMANDS: [(&str, &str); 2] = [
    ("WAXSEAL_POSTGRES", "1"),
    ("WAXSEAL_TEST_DATABASE", "postgres"),
];

/// Where the programs are, and as whom they run.
pub(crate) struct Programs {
    folder: PathBuf,
    user: Option<(u32, u32)>,
}

impl Programs {
    /// Finds the programs. `None`, with a line that says so, if this machine cannot run them,
    /// unless `WAXSEAL_POSTGRES=1` or `WAXSEAL_TEST_DATABASE=postgres` demands it.
    pub(crate) fn find() -> Option<Self> {
        let missing = |what: &str| {
            for (name, value) in DEMANDS {
                let demanded = env::var(name).is_ok_and(|set| set == value);
                assert!(!demanded, "{name}={value}, and there is no {what}");
            }
            eprintln!("SKIPPED: there is no {what} on this machine; apt-get install postgresql");
        };
        let Some(folder) = folder() else {
            missing("PostgreSQL");
            return None;
        };
        // `initdb` and `postgres` refuse to run as root.
        let user = if rustix::process::geteuid().is_root() {
            let Some(user) = user("postgres") else {
                missing("user `postgres`");
                return None;
            };
            Some(user)
        } else {
            None
        };
        Some(Self { folder, user })
    }

    /// A command that runs one of the programs.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Makes a file or a folder one that the programs can write to.
    pub(crate) fn hand_over(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
        }
    }
}

/// The folder with all programs: that to which the PATH leads, or else the newest of Debian's.
fn folder() -> Option<PathBuf> {
    let is_whole = |folder: &PathBuf| {
        let has = |name| folder.join(name).is_file();
        has("initdb") && has("postgres") && has("pg_basebackup")
    };
    let path = env::var_os("PATH").unwrap_or_default();
    let linked = env::split_paths(&path).filter_map(|folder| {
        let program = fs::canonicalize(folder.join("initdb")).ok()?;
        Some(program.parent()?.to_owned())
    });
    let found = linked.into_iter().find(is_whole);
    found.or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let number = |folder: &fs::DirEntry| folder.file_name().to_str()?.parse::<u32>().ok();
        let newest = versions.flatten().max_by_key(number)?;
        Some(newest.path().join("bin")).filter(is_whole)
    })
}

/// The numbers of a user and of its group.
fn user(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let fields = |line: &str| -> Option<(u32, u32)> {
        let mut fields = line.strip_prefix(name)?.strip_prefix(':')?.split(':');
        fields.next()?; // the password
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    users.lines().find_map(fields)
}
