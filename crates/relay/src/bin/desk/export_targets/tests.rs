use super::*;
use crate::outbox::tests::world::{World, private};
use std::fs;

fn read_with(world: &World, json: &str) -> std::result::Result<Targets, String> {
    fs::write(world.server.folder.path("targets.json"), json).unwrap();
    Targets::read(&world.server.folder).map_err(|error| error.to_string())
}

fn webhook(url: &str, key: &str) -> String {
    format!("{{\"webhook\": {{ \"url\": \"{url}\", \"key\": \"{key}\" }}}}")
}

#[test]
fn without_a_file_there_are_no_targets() {
    let world = World::new(&[]);
    fs::remove_file(world.server.folder.path("targets.json")).unwrap();
    let targets = Targets::read(&world.server.folder).unwrap();
    assert!(targets.names().is_empty() && targets.callback_key.is_none());
    assert!(targets.way(Target::Coop).is_none());
}

#[test]
fn chk694_a_key_that_others_may_read_is_refused() {
    let world = World::new(&[]);
    let path = world.server.folder.path("webhook.key");
    let json = webhook("https://hooks.example", "webhook.key");
    for mode in [0o400, 0o600, 0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let read = read_with(&world, &json).map(|targets| targets.names());
        match mode & 0o077 {
            0 => assert_eq!(read.unwrap(), ["webhook"]),
            _ => assert!(read.unwrap_err().contains("mode 600")),
        }
    }
}

#[test]
fn what_is_out_of_form_is_refused_with_a_reason() {
    let world = World::new(&[]);
    private(&world.server.folder, "empty.key", b"\n");
    private(&world.server.folder, "lines.key", b"one\ntwo\n");
    private(&world.server.folder, "short.key", &[5; 31]);
    let dsa = |key: &str| {
        format!("{{\"dsa\": {{ \"url\": \"https://dsa.example\", \"key\": \"{key}\" }}}}")
    };
    let ok = "https://hooks.example/a";
    for (json, why) in [
        ("[]".to_owned(), "targets.json"),
        ("{\"cop\": {}}".to_owned(), "unknown field"),
        (
            "{\"osprey\": {\"link\": \"x\"}}".to_owned(),
            "unknown field",
        ),
        (webhook("http://hooks.example", "webhook.key"), "plain HTTP"),
        (webhook("hooks.example", "webhook.key"), "not a URL"),
        (
            webhook("https://hooks.example/a?b", "webhook.key"),
            "not a URL",
        ),
        (
            webhook("https://hooks.example/a b", "webhook.key"),
            "not a URL",
        ),
        (
            webhook("https://user@hooks.example", "webhook.key"),
            "https://",
        ),
        (webhook(ok, "../webhook.key"), "name of a file"),
        (webhook(ok, ".hidden"), "name of a file"),
        (webhook(ok, ""), "name of a file"),
        (webhook(ok, "none.key"), "none.key"),
        (webhook(ok, "short.key"), "32 bytes"),
        (dsa("empty.key"), "visible ASCII"),
        (dsa("lines.key"), "visible ASCII"),
    ] {
        let error = read_with(&world, &json).map(|_| ()).unwrap_err();
        assert!(error.contains(why), "{json}: {error}");
    }
    let targets = read_with(&world, &webhook("https://hooks.example/a/", "webhook.key"));
    let targets = targets.unwrap();
    let Some(Way::Webhook(address, _)) = targets.way(Target::Webhook) else {
        panic!("another way");
    };
    assert_eq!(address.path, "/a");
}
