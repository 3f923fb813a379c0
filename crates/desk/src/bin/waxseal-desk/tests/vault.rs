//! `vault`: sets a vault up and asks it over its socket.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{fs, net::SocketAddr};

use waxseal_desk::vault::VaultCalls as _;
use waxseal_desk::vault::process::{Endpoint, VaultClient};
use waxseal_log::keys::LogKeys;

use super::world::World;
use super::{Ran, run};

const INIT: [&str; 12] = [
    "vault",
    "init",
    "--folder",
    "vault",
    "--name",
    "desk.example/vault",
    "--keys",
    "log-keys",
    "--acceptance",
    "acceptance",
    "--public",
    "moderation.pub",
];

/// A folder with the keys of a log, without those of a vault.
fn before() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let keys = World::new().keys().to_string();
    let keys: Vec<&str> = keys
        .lines()
        .filter(|line| !line.starts_with("vault "))
        .collect();
    fs::write(folder.path().join("log-keys"), keys.join("\n") + "\n").unwrap();
    folder
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A vault's process, ended on drop.
struct Running(Child);

impl Running {
    /// Starts it, and returns where it listens.
    fn start(folder: &Path, more: &[&str]) -> (Self, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_waxseal-desk"))
            .args(["vault", "--folder", "vault"])
            .args(more)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let place = line
            .strip_prefix("serving on ")
            .unwrap()
            .trim_end()
            .to_owned();
        (Self(child), place)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_vault_is_set_up_once() {
    let folder = before();
    let ran = run(folder.path(), &INIT).good();
    let keys = fs::read_to_string(folder.path().join("vault/keys")).unwrap();
    assert!(ran.out.contains(&keys), "{}", ran.out);
    let keys: LogKeys = keys.parse().unwrap();
    assert_eq!(keys.vault().name(), "desk.example/vault");
    assert_eq!(keys.log(), World::new().keys().log());
    for (path, expected) in [
        ("vault", 0o700),
        ("vault/secrets", 0o600),
        ("acceptance", 0o600),
    ] {
        assert_eq!(mode(&folder.path().join(path)), expected, "{path}");
    }
    assert_eq!(
        fs::read(folder.path().join("moderation.pub"))
            .unwrap()
            .len(),
        1_217
    );
    let secrets = fs::read(folder.path().join("vault/secrets")).unwrap();
    let acceptance = fs::read(folder.path().join("acceptance")).unwrap();
    assert!(secrets.windows(32).any(|part| part == acceptance));

    run(folder.path(), &INIT).unusable("moderation.pub exists already");
    fs::remove_file(folder.path().join("moderation.pub")).unwrap();
    run(folder.path(), &INIT).unusable("exists");
    assert_eq!(
        fs::read(folder.path().join("vault/secrets")).unwrap(),
        secrets
    );
}

#[test]
fn the_keys_that_everyone_pins_are_written_to_a_new_file() {
    let folder = before();
    let arguments = [&INIT[..], &["--pinned", "pinned"]].concat();
    run(folder.path(), &arguments).good();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("pinned"), read("vault/keys"));

    let folder = before();
    fs::write(folder.path().join("pinned"), "mine").unwrap();
    run(folder.path(), &arguments).unusable("pinned exists already");
    assert!(!folder.path().join("vault").exists());
    let pin = ["vault", "pin", "--folder", "vault", "--keys", "log-keys"];
    let pin = [&pin[..], &["--pinned", "other"]].concat();
    run(folder.path(), &pin).unusable("keys are pinned with --folder and --keys");
}

#[test]
fn an_acceptance_key_that_the_intake_has_is_taken() {
    let folder = before();
    fs::write(folder.path().join("acceptance"), [7; 32]).unwrap();
    run(folder.path(), &INIT).good();
    let secrets = fs::read(folder.path().join("vault/secrets")).unwrap();
    assert!(secrets.windows(32).any(|part| part == [7; 32]));
    for len in [0, 31, 33] {
        let folder = before();
        fs::write(folder.path().join("acceptance"), vec![7; len]).unwrap();
        run(folder.path(), &INIT).unusable("acceptance is no acceptance key");
        assert!(!folder.path().join("vault").exists());
    }
}

#[test]
fn keys_that_a_vault_cannot_pin_are_refused() {
    let folder = before();
    let path = folder.path().join("log-keys");
    let keys = fs::read_to_string(&path).unwrap();
    let without_policy: Vec<&str> = keys
        .lines()
        .filter(|line| !line.starts_with("policy "))
        .collect();
    for (keys, words) in [
        (
            World::new().keys().to_string(),
            "log-keys names a vault already",
        ),
        (
            without_policy.join("\n") + "\n",
            "the pinned keys have no policy key",
        ),
        (keys.replace("quorum 2", "quorum 4"), "the quorum is larger"),
        (String::new(), "the file of keys is malformed"),
    ] {
        fs::write(&path, keys).unwrap();
        run(folder.path(), &INIT).unusable(words);
        assert!(!folder.path().join("vault/secrets").exists());
    }
}

#[test]
fn a_vault_answers_on_its_socket_and_on_its_port() {
    let folder = before();
    run(folder.path(), &INIT).good();
    let (_running, place) = Running::start(folder.path(), &["--socket", "vault.sock"]);
    assert_eq!(place, "vault.sock");
    let socket = folder.path().join("vault.sock");
    assert_eq!(mode(&socket), 0o600);
    let mut client = VaultClient::new(Endpoint::Socket(socket));
    assert_eq!(client.status().unwrap().size, 0);
    // Another one does not take its place.
    let arguments = ["vault", "--folder", "vault", "--socket", "vault.sock"];
    run(folder.path(), &arguments).unusable("vault.sock: ");
    assert_eq!(client.status().unwrap().size, 0);

    let (_running, place) = Running::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let address: SocketAddr = place.parse().unwrap();
    assert_ne!(address.port(), 0);
    let mut client = VaultClient::new(Endpoint::Port(address));
    assert_eq!(client.status().unwrap().size, 0);
}

#[test]
fn a_vault_that_cannot_start_says_why() {
    let folder = before();
    let start = |more: &[&str]| -> Ran {
        let arguments = [&["vault", "--folder", "vault"][..], more].concat();
        run(folder.path(), &arguments)
    };
    start(&["--socket", "s"]).unusable("a file of the vault's folder is missing or damaged");
    run(folder.path(), &INIT).good();
    start(&["--listen", "192.0.2.1:7000"]).unusable("give a loopback address");
    start(&["--listen", "nowhere"]).unusable("nowhere");
    start(&[]).unusable("give either --socket or --listen");
    start(&["--socket", "s", "--listen", "127.0.0.1:0"]).unusable("give either");
    start(&["--socket", "s", "--name", "n"]).unusable("a vault runs with --folder");
    run(folder.path(), &INIT[..6]).unusable("a vault is set up with --folder, --name");
    fs::write(folder.path().join("vault/secrets"), b"x").unwrap();
    start(&["--socket", "s"]).unusable("a file of the vault's folder is missing or damaged");
}

#[test]
fn a_vault_whose_state_is_lost_starts_after_its_owner_pinned_the_keys_again() {
    let folder = before();
    run(folder.path(), &INIT).good();
    let path = |name: &str| folder.path().join("vault").join(name);
    fs::copy(path("keys"), folder.path().join("pinned")).unwrap();
    fs::remove_file(path("state")).unwrap();
    let start = ["vault", "--folder", "vault", "--socket", "s"];
    run(folder.path(), &start).unusable("a file of the vault's folder is missing or damaged");
    let pin = ["vault", "pin", "--folder", "vault", "--keys"];
    run(folder.path(), &pin).unusable("--keys");
    run(folder.path(), &pin[..4]).unusable("keys are pinned with --folder and --keys");
    run(folder.path(), &[&pin[..], &["log-keys"]].concat()).unusable("log-keys: ");
    run(folder.path(), &[&pin[..], &["pinned"]].concat()).good();
    let (_running, place) = Running::start(folder.path(), &["--socket", "s"]);
    assert_eq!(place, "s");
}
