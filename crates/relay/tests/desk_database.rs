//! The desk's server over PostgreSQL: one server works, and another one takes over.

#![allow(clippy::restriction, reason = "tests")]

mod office;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use office::raw::Raw;
use office::{ORIGIN, Office, Process, now, wait_for};
use waxseal_desk::officer::Signed;
use waxseal_desk::store::Store as _;
use waxseal_log::entry::Measure;
use waxseal_postgres::Server;
use waxseal_relay::desk::DeskCode;
use waxseal_reporting::Timestamp;

/// Another folder of the same desk, as its operator puts it on another machine.
fn second_folder(office: &Office) {
    let dir = office.dir.path();
    fs::create_dir(dir.join("second")).unwrap();
    let files = [
        "log.key",
        "secret",
        "reviewer.key",
        "keys",
        "relay.pinned",
        "database",
    ];
    for file in files {
        fs::copy(dir.join("desk").join(file), dir.join("second").join(file)).unwrap();
    }
}

#[test]
fn one_server_works_over_a_database_and_the_next_takes_over_when_it_ends() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut office = Office::over(server.database());
    second_folder(&office);
    let (mut command, metrics) = office.command("second", &[]);
    let (started, second) = mpsc::channel();
    let starting = std::thread::spawn(move || {
        let _ = started.send(Process::start(&mut command, "listening on "));
    });

    // The first works while the second waits.
    let alice = &office.officers.alice;
    let reported = office.intake.report("mallory", "victim", &["now"]);
    let promise = office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory").case.id;
    // A request of a caller whose clock is ahead.
    let ahead = Timestamp::from_millis(now().as_millis() + 20_000);
    let request = Raw::signed_at(alice, ("GET", "/v1/queue"), b"", ORIGIN, ahead);
    assert_eq!(request.send(&office).0, 200);
    let waits = second.recv_timeout(Duration::from_secs(7));
    assert!(waits.is_err(), "two servers work over one database");

    // The first ends, and the second goes on where it was.
    office.desk().kill();
    let (desk, url) = second.recv_timeout(office::SOON).unwrap();
    starting.join().unwrap();
    office.take_over(desk, url, metrics);
    // It takes no request again.
    assert_eq!(request.send(&office), (401, Some(DeskCode::NotSigned)));
    let bob = &office.officers.bob;
    wait_for(|| (Raw::get(bob, "/v1/queue").send(&office).0 == 200).then_some(()));
    let decision = office.decision(case, Measure::Warning);
    office.act(bob, &decision).unwrap();
    assert_eq!(office.bring(&reported.encoded).unwrap(), promise);
    office.settled();

    // One that could have lost its place ends by itself, and the next start goes on.
    server.cut_connections();
    assert!(!office.desk().end());
    office.start();
    office.settled();
    assert!(office.desk().stop());
    office.audit();
    assert!(!office.dir.path().join("desk/desk.sqlite").exists());
    assert!(office.desk_store().meta("requests.mark").unwrap().is_some());
}

#[test]
fn a_server_that_waits_outlives_the_database() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut office = Office::over(server.database());
    second_folder(&office);
    let reported = office.intake.report("mallory", "victim", &["now"]);
    let promise = office.bring(&reported.encoded).unwrap();
    let (mut command, metrics) = office.command("second", &[]);
    let starting = std::thread::spawn(move || Process::start(&mut command, "listening on "));
    std::thread::sleep(Duration::from_secs(2));
    // The first one ends with its connection, and no server takes over until there is a database.
    server.kill();
    assert!(!office.desk().end());
    std::thread::sleep(Duration::from_secs(2));
    assert!(!starting.is_finished());
    server.restart();
    let (second, url) = starting.join().unwrap();
    office.take_over(second, url, metrics);
    let bring = || office.bring(&reported.encoded).ok();
    assert_eq!(wait_for(bring), promise);
    office.settled();
    assert!(office.desk().stop());
    office.audit();
}

#[test]
fn a_server_that_stands_still_is_followed_by_another_and_does_nothing_when_it_goes_on() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut office = Office::over(server.database());
    second_folder(&office);
    let reported = office.intake.report("mallory", "victim", &["now"]);
    let promise = office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory").case.id;
    let (mut command, metrics) = office.command("second", &[]);
    let first = office.desk();
    first.freeze(true);
    let began = Instant::now();
    let (second, url) = Process::start(&mut command, "listening on ");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");

    // Requests that reach the first one as soon as it goes on.
    let address = office.address().to_owned();
    let mut waiting = Vec::new();
    office.take_over(second, url, metrics);
    let (alice, bob) = (&office.officers.alice, &office.officers.bob);
    wait_for(|| (Raw::get(bob, "/v1/queue").send(&office).0 == 200).then_some(()));
    let decision = office.decision(case, Measure::Warning);
    let signed = Signed::sign(&decision, ORIGIN, alice, now()).unwrap();
    let act = Raw::signed_at(alice, ("POST", "/v1/acts"), &signed.encode(), ORIGIN, now());
    for request in [Raw::get(bob, "/v1/queue"), act] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(office::SOON)).unwrap();
        stream.write_all(&request.bytes()).unwrap();
        waiting.push(stream);
    }
    first.freeze(false);
    for mut stream in waiting {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(!first.end());
    // The second one was not disturbed.
    assert_eq!(office.case(case).decisions.len(), 0);
    office.act(alice, &decision).unwrap();
    assert_eq!(office.bring(&reported.encoded).unwrap(), promise);
    office.settled();
    assert!(office.desk().stop());
    office.audit();
}

#[test]
fn the_folder_remembers_its_database_and_keeps_rows_that_it_has() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (own, mut office) = (Office::new(), Office::over(server.database()));
    let database = office.dir.path().join("desk/database");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&database).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let url = fs::read_to_string(database).unwrap();
    assert!(office.desk().stop());
    // The same again, and another one.
    office.start_with(&["--database", url.trim()]);
    assert!(office.desk().stop());
    let refused = |dir, url: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
        let options = [
            "serve",
            "--folder",
            "desk",
            "--vault",
            "vault.sock",
            "--relay",
        ];
        command
            .args(options)
            .args(["http://127.0.0.1:1", "--database", url]);
        let output = command.current_dir(dir).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(office.dir.path(), &server.database());
    assert!(said.contains("names another database"), "{said}");
    // A folder without one takes none that does not answer, and does not tell the password.
    fs::remove_file(office.dir.path().join("desk/database")).unwrap();
    let elsewhere = "postgres://desk:a-password@127.0.0.1:1/desk";
    let said = refused(office.dir.path(), elsewhere);
    assert!(said.contains("the database: "), "{said}");
    assert!(!said.contains("a-password"), "{said}");
    assert!(!office.dir.path().join("desk/database").exists());

    let mut own = own;
    assert!(own.desk().stop());
    let said = refused(own.dir.path(), url.trim());
    assert!(
        said.contains("desk.sqlite is the desk's database"),
        "{said}"
    );
}
