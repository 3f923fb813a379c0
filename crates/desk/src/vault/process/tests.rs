use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io, thread};

use waxseal_log::entry::{Digest, Event};

use super::*;
use crate::tests::world::World;
use crate::vault::{LocalVault, VaultCalls, VaultError, VaultSecrets};

/// Runs a world whose vault is in another thread, behind this endpoint.
fn with_vault(endpoint: &Endpoint, run: impl FnOnce(World, VaultClient)) {
    let world = World::empty();
    let folder = tempfile::tempdir().unwrap();
    let folder = VaultFolder::new(folder.path().join("vault"));
    folder.create(&world.keys, &world.secrets).unwrap();
    let (vault, memory) = folder.open().unwrap();
    let vault = LocalVault::new(vault, memory, world.rng.clone());
    let listener = endpoint.listen().unwrap();
    let (stop, now) = (AtomicBool::new(false), world.now);
    let endpoint = listener.endpoint().unwrap();
    let mut client = VaultClient::new(endpoint.clone());
    thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, vault, || now, &stop));
        run(world, client.clone());
        stop.store(true, Ordering::SeqCst);
        assert!(client.status().is_err());
        server.join().unwrap().unwrap();
    });
}

/// The steps of an opening, as a desk makes them.
fn opens(mut world: World, mut vault: VaultClient) {
    let now = world.now;
    let waiting = world.report(&["first"]);
    world.now = now;
    world.publish(world.policy.clone());
    let note = world.witnessed(1).encode();
    vault.follow(&world.entries, &note, now).unwrap();
    vault.adopt(world.policy.encode()).unwrap();
    let grant = world.grant(&waiting);
    let challenge = vault.challenge(&grant, &waiting.digest(), now).unwrap();
    let salt = world.log_opening(&grant, &waiting, &challenge);
    let request = World::request(&grant, &waiting, &challenge, salt);
    assert_eq!(vault.open(&request, now), Err(VaultError::NotLogged));
    let note = world.witnessed(2).encode();
    vault.follow(&world.entries[1..], &note, now).unwrap();
    let view = vault.open(&request, now).unwrap();
    assert_eq!(view.messages.len(), 1);
    assert_eq!(vault.open(&request, now), Err(VaultError::UnknownChallenge));
    let sorted = vault.sort(&waiting.id, &waiting.accepted, now).unwrap();
    assert_eq!(sorted.messages, 1);
    assert_eq!(vault.status().unwrap().size, 2);
}

#[test]
fn a_desk_opens_through_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.sock");
    let endpoint = Endpoint::Socket(path.clone());
    with_vault(&endpoint, |world, vault| {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // One process at a time listens there.
        let twice = endpoint.listen().unwrap_err();
        assert_eq!(twice.kind(), io::ErrorKind::AddrInUse);
        opens(world, vault);
    });
    // The socket that the process left behind is replaced, and any other file is not.
    drop(endpoint.listen().unwrap());
    let file = folder.path().join("file");
    fs::write(&file, b"kept").unwrap();
    assert!(Endpoint::Socket(file.clone()).listen().is_err());
    assert_eq!(fs::read(&file).unwrap(), b"kept");
}

#[test]
fn a_desk_opens_through_a_port_of_this_machine_only() {
    let endpoint = Endpoint::Port("127.0.0.1:0".parse().unwrap());
    with_vault(&endpoint, opens);
    let elsewhere = Endpoint::Port("192.0.2.1:80".parse().unwrap());
    let error = elsewhere.listen().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let mut client = VaultClient::new(elsewhere);
    assert_eq!(client.status(), Err(VaultError::Unreachable));
}

#[test]
fn bytes_that_are_no_request_are_refused_and_harm_no_one_else() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::Socket(folder.path().join("vault.sock"));
    with_vault(&endpoint, |world, vault| {
        for frame in [&[0xff; 4][..], &[0, 0, 0, 9, 1], &[]] {
            let mut stream = endpoint.connect(std::time::Duration::from_secs(1)).unwrap();
            stream.write_all(frame).unwrap();
        }
        let deadline = frame::Deadline::new();
        let mut stream = endpoint.connect(std::time::Duration::from_secs(1)).unwrap();
        deadline.write(&mut stream, b"no request").unwrap();
        let answer = deadline.read(&mut stream, 100).unwrap();
        assert_eq!(answer[..], [1, 0, 181, 0, 0, 0, 0, 0, 0, 0, 0]);
        opens(world, vault);
    });
}

#[test]
fn the_folder_keeps_keys_and_state_for_its_owner_alone() {
    let mut world = World::empty();
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("vault");
    let folder = VaultFolder::new(&path);
    assert!(folder.open().is_err());
    folder.create(&world.keys, &world.secrets).unwrap();
    assert!(folder.create(&world.keys, &world.secrets).is_err());
    world.append(Event::HoldPlaced, Digest::from_bytes([0; 32]));
    let note = world.witnessed(1).encode();
    let (mut vault, mut memory) = folder.open().unwrap();
    vault
        .follow(&world.entries, &note, world.now, &mut memory)
        .unwrap();
    let (vault, _) = folder.open().unwrap();
    assert_eq!(vault.status().size, 1);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let mut names: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap())
        .inspect(|entry| assert_eq!(mode(&entry.path()), 0o600))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["keys", "secrets", "state"]);

    // A file that a crash left half written is no obstacle.
    fs::write(path.join("state.new"), b"half").unwrap();
    let (mut vault, mut memory) = folder.open().unwrap();
    vault.follow(&[], &note, world.now, &mut memory).unwrap();
    assert!(!path.join("state.new").exists());

    let secrets = folder.secrets().unwrap();
    assert_eq!(secrets.export(), world.secrets.export());
    folder.set_secrets(&secrets).unwrap();
    fs::write(path.join("state"), b"altered").unwrap();
    assert!(folder.open().is_err());
    fs::write(path.join("secrets"), b"altered").unwrap();
    assert!(matches!(folder.open(), Err(FolderError::Damaged)));
    assert!(VaultSecrets::import(b"altered").is_err());
}

#[test]
fn chk180_a_thief_who_can_write_the_folder_without_its_secrets_cannot_pin_other_keys() {
    let world = World::empty();
    let parent = tempfile::tempdir().unwrap();
    let folder = VaultFolder::new(parent.path().join("vault"));
    folder.create(&world.keys, &world.secrets).unwrap();
    folder.open().unwrap();
    let file = |name: &str| parent.path().join("vault").join(name);
    let (keys, state) = (file("keys"), file("state"));
    let first = fs::read(&state).unwrap();

    // Another log and another policy key, without witnesses.
    let mut rng = world.rng.clone();
    let log = waxseal_log::note::Signer::generate("log.example/desk", &mut rng).unwrap();
    let policy = waxseal_log::entry::PolicyKey::generate(&mut rng).public_key();
    let vault = world.keys.vault().clone();
    let own = waxseal_log::keys::LogKeys::new(log.verifier(), vault, vec![], 0, Some(policy));
    let own = own.unwrap();
    fs::write(&keys, own.to_string()).unwrap();
    assert!(matches!(folder.open(), Err(FolderError::Setup(_))));
    fs::remove_file(&state).unwrap();
    assert!(matches!(folder.open(), Err(FolderError::Damaged)));

    // The owner pins the keys again, or others.
    folder.pin(&world.keys).unwrap();
    assert_eq!(fs::read(&state).unwrap(), first);
    folder.open().unwrap();
    folder.pin(&own).unwrap();
    folder.open().unwrap();
}

#[test]
fn a_folder_that_was_open_to_others_is_closed() {
    let world = World::empty();
    let parent = tempfile::tempdir().unwrap();
    let mode = |mode| fs::Permissions::from_mode(mode);
    fs::set_permissions(parent.path(), mode(0o777)).unwrap();
    let folder = VaultFolder::new(parent.path());
    folder.create(&world.keys, &world.secrets).unwrap();
    let found = fs::metadata(parent.path()).unwrap().permissions();
    assert_eq!(found.mode() & 0o777, 0o700);
}

#[test]
fn a_socket_is_made_where_no_one_else_can_connect_and_no_other_file_is_removed() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("vault.sock");
    let kept = parent.path().join("vault.new");
    fs::write(&kept, b"kept").unwrap();
    // What a crash left.
    let left = parent.path().join("vault.sock.new");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("s"), b"").unwrap();
    drop(Endpoint::Socket(path.clone()).listen().unwrap());
    assert_eq!(fs::read(&kept).unwrap(), b"kept");
    assert!(path.exists() && !left.exists());
    // Someone else's folder is neither used nor emptied.
    fs::create_dir(&left).unwrap();
    fs::write(left.join("other"), b"kept").unwrap();
    Endpoint::Socket(path).listen().unwrap_err();
    assert_eq!(fs::read(left.join("other")).unwrap(), b"kept");
}
