//! Runs the chat with a relay that speaks TLS. `register` remembers the authority's certificate.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use world::World;

const RELAY: [&str; 10] = [
    "--data",
    "relay-data",
    "--vault-key",
    "vault.key.pub",
    "--reviewer-key",
    "review.key.pub",
    "--tls-cert",
    "relay.pem",
    "--tls-key",
    "relay.key.pem",
];

#[test]
fn a_chat_over_tls_needs_the_authoritys_file_once() {
    let world = World::new("https", &["alice", "bob"]);
    let folder = world.home(0).parent().unwrap().to_owned();
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let write = |name: &str, pem: String| std::fs::write(folder.join(name), pem).unwrap();
    write("relay.pem", signed.cert.pem());
    write("relay.key.pem", signed.signing_key.serialize_pem());
    world.make_keys();
    let ready = world.serve("relay", &RELAY);
    let url = ready.trim().strip_prefix("listening on ").unwrap();
    assert!(url.starts_with("https://"), "{url}");

    let chat = |home: &str, arguments: &[&str]| {
        world.run_program("chat", &[&["--home", home], arguments].concat())
    };
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    write("other.pem", other.cert.pem());
    let others = ["--relay", url, "--relay-ca", "other.pem"];
    let untrusted = chat("alice", &[&others[..], &["register", "alice"]].concat());
    assert_eq!(untrusted.code(), Some(3));
    let printed = untrusted.stderr;
    assert!(printed.contains("its certificate is refused"), "{printed}");
    let trusted = ["--relay", url, "--relay-ca", "relay.pem"];
    for name in ["alice", "bob"] {
        chat(name, &[&trusted[..], &["register", name]].concat()).output();
    }
    std::fs::remove_file(folder.join("relay.pem")).unwrap();
    chat("alice", &["send", "bob", "hello"]).output();
    let received = chat("bob", &["receive", "--json"]).objects();
    assert_eq!(received[0]["text"], "hello");
    // Other options take the place of all remembered ones, for one command.
    let untrusted = chat("bob", &[&others[..], &["receive"]].concat());
    assert_eq!(untrusted.code(), Some(3), "{}", untrusted.stderr);
    chat("bob", &["receive"]).output();
}

#[test]
fn plain_http_to_another_machine_needs_an_option() {
    let world = World::new("plain-http", &["alice"]);
    let register = |options: &[&str]| {
        let start = ["--home", "alice", "--relay", "http://chat.invalid:1"];
        world.run_program(
            "chat",
            &[&start[..], options, &["register", "alice"]].concat(),
        )
    };
    let refused = register(&[]);
    assert_eq!(refused.code(), Some(1));
    let printed = refused.stderr;
    assert!(
        printed.contains("plain HTTP to another machine"),
        "{printed}"
    );
    assert_eq!(register(&["--plain-http"]).code(), Some(3), "it was tried");
    let both = ["--plain-http", "--relay-ca", "ca.pem"];
    assert_eq!(register(&both).code(), Some(2));
    let missing = register(&["--relay-ca", "ca.pem"]);
    assert!(missing.stderr.contains("ca.pem"), "{}", missing.stderr);
}
