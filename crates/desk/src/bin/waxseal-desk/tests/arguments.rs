//! The command line.

use super::run;
use super::world::World;

fn here(arguments: &[&str]) -> super::Ran {
    run(&std::env::temp_dir(), arguments)
}

#[test]
fn each_command_explains_itself_with_an_example() {
    here(&["--help"]).good().says("Usage: waxseal-desk COMMAND");
    for command in ["verify-log", "verify-receipt", "transparency", "vault"] {
        let example = format!("Example:\n  waxseal-desk {command} ");
        here(&[command, "--help"]).good().says(&example);
        here(&[command, "-h"]).good().says(&example);
    }
}

#[test]
fn the_example_of_each_command_has_arguments_that_the_command_takes() {
    let published = World::new().publish();
    // The examples name files that are not there.
    for (command, words) in [
        ("verify-log", "cannot be read"),
        ("verify-receipt", "cannot be read"),
        ("transparency", "cannot be read"),
        ("vault", "a file of the vault's folder is missing"),
    ] {
        let help = here(&[command, "--help"]).out;
        let (_, example) = help.split_once("Example:\n  waxseal-desk ").unwrap();
        let arguments: Vec<&str> = example.split_whitespace().collect();
        run(published.root(), &arguments).unusable(words);
    }
}

#[test]
fn wrong_arguments_are_refused() {
    for (arguments, words) in [
        (&[][..], "say what to do"),
        (&["verify"], "there is no such command"),
        (&["--version"], "--version"),
        (&["verify-log"], "name the folder of the log"),
        (&["verify-log", "a", "b"], "unexpected argument \"b\""),
        (
            &["verify-log", ".", "--keys"],
            "missing argument for option '--keys'",
        ),
        (&["verify-log", ".", "--unknown"], "--unknown"),
        (&["verify-receipt"], "name the receipt"),
        (
            &["verify-receipt", "a"],
            "name the keys of the log with --keys",
        ),
        (&["transparency", "."], "name the folder, --from and --to"),
        (
            &["transparency", "--from", "2026-01-32"],
            "2026-01-32 is no date",
        ),
        (
            &[
                "transparency",
                "--from",
                "2026-02-01",
                "--to",
                "2026-01-01",
                ".",
            ],
            "--from is after --to",
        ),
        (&["transparency", ".", "--csv", "--json"], "--json"),
    ] {
        here(arguments).unusable(words);
    }
}
