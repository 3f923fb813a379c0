//! Scripts for simulations, and edits of genuine bytes, written by hand.

use super::Seeds;

/// The kinds of actions in a script. Each constant is the lowest byte that selects its kind.
const SEND: u8 = 0;
const ARRIVE: u8 = 20;
const REPEAT: u8 = 44;
const LOSE: u8 = 47;
const ALTER: u8 = 49;
const BURST: u8 = 51;
const CUT: u8 = 52;
const START: u8 = 53;
const RESTART: u8 = 54;
const SAVE: u8 = 56;
const ROLL_BACK: u8 = 57;
const START_OVER: u8 = 58;
const PUBLISH: u8 = 59;
const RESEND: u8 = 60;
const REPORT: u8 = 62;
const DELETE: u8 = 63;

pub(super) fn scripts(seeds: &mut Seeds) {
    let scripts: [(&str, &[[u8; 3]]); 18] = [
        (
            "overtaken",
            &[
                [SEND, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 1, 0],
                [ARRIVE, 0, 0],
                [REPEAT, 1, 0],
                [REPEAT, 0, 0],
            ],
        ),
        (
            "overtaken-at-relay",
            &[
                [SEND, 0, 0],
                [SEND, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 4, 0],
                [ARRIVE, 0, 0],
                [REPEAT, 3, 0],
                [REPORT, 1, 1],
            ],
        ),
        (
            "ping-pong",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [REPORT, 0, 0],
            ],
        ),
        (
            "both-start",
            &[
                [SEND, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 1, 0],
                [ARRIVE, 0, 0],
                [SEND, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 3, 0],
            ],
        ),
        (
            "late",
            &[
                [BURST, 0, 9],
                [ARRIVE, 0, 0],
                [BURST, 1, 3],
                [SEND, 0, 0],
                [ARRIVE, 1, 0],
                [ARRIVE, 0, 0],
                [REPEAT, 0, 0],
                [LOSE, 0, 0],
            ],
        ),
        (
            "altered",
            &[
                [SEND, 0, 0],
                [ALTER, 0, 9],
                [ALTER, 0, 20],
                [ARRIVE, 0, 0],
                [ALTER, 0, 200],
                [SEND, 1, 1],
                [ALTER, 1, 128],
                [PUBLISH, 0, 0],
                [ALTER, 2, 64],
            ],
        ),
        (
            "set-back",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SAVE, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ROLL_BACK, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 1, 0],
            ],
        ),
        (
            "set-back-noticed",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SAVE, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SEND, 1, 1],
                [ROLL_BACK, 0, 0x80],
                [ARRIVE, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [RESEND, 0, 0],
            ],
        ),
        (
            "set-back-twice-noticed-later",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SAVE, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ROLL_BACK, 0, 0x80],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ROLL_BACK, 0, 0x40],
                [SEND, 0, 0],
                [RESEND, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [REPORT, 1, 1],
            ],
        ),
        (
            "set-back-with-other-prekeys-published",
            &[
                [SAVE, 1, 0],
                [SEND, 1, 0],
                [SEND, 2, 1],
                [PUBLISH, 1, 1],
                [ARRIVE, 0, 0],
                [ROLL_BACK, 1, 0],
            ],
        ),
        (
            "set-back-with-other-one-time-prekeys-published",
            &[
                [SAVE, 1, 0],
                [SEND, 1, 0],
                [SEND, 2, 1],
                [START, 0, 0],
                [START, 0, 0],
                [START, 0, 0],
                [PUBLISH, 1, 0],
                [ARRIVE, 2, 0],
                [PUBLISH, 1, 0],
                [ARRIVE, 2, 0],
                [PUBLISH, 1, 0],
                [ARRIVE, 2, 0],
                [PUBLISH, 1, 0],
                [ARRIVE, 2, 0],
                [ARRIVE, 0, 0],
                [ROLL_BACK, 1, 0],
            ],
        ),
        (
            "new-phone",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [START_OVER, 1, 0],
                [SEND, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 0, 0],
                [ARRIVE, 1, 0],
            ],
        ),
        (
            "set-back-then-answered",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [SEND, 0, 0],
                [SAVE, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ROLL_BACK, 0, 0],
                [SEND, 0, 59],
                [REPORT, 0, 0],
                [SEND, 10, 1],
            ],
        ),
        (
            "asked-again",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SAVE, 1, 0],
                [SEND, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [ROLL_BACK, 1, 0],
                [SEND, 1, 1],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [RESEND, 1, 0],
                [RESEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [REPEAT, 6, 0],
                [RESEND, 0, 0],
                [ARRIVE, 1, 0],
                [LOSE, 0, 0],
            ],
        ),
        (
            "forgotten-and-asked-again",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [DELETE, 1, 129],
                [ARRIVE, 0, 0],
                [RESEND, 1, 0],
                [REPEAT, 0, 0],
                [ARRIVE, 0, 0],
            ],
        ),
        (
            "parted",
            &[
                [CUT, 0, 0],
                [SEND, 0, 0],
                [START, 1, 1],
                [SEND, 1, 1],
                [RESTART, 0, 0],
                [RESEND, 0, 0],
                [CUT, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
            ],
        ),
        (
            "prekeys",
            &[
                [PUBLISH, 0, 1],
                [LOSE, 0, 0],
                [START, 1, 1],
                [START, 2, 0],
                [SEND, 1, 1],
                [PUBLISH, 0, 0],
                [ARRIVE, 0, 0],
                [PUBLISH, 0, 1],
                [ARRIVE, 0, 0],
            ],
        ),
        (
            "deleted",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SEND, 1, 1],
                [DELETE, 1, 1],
                [REPEAT, 1, 0],
                [ARRIVE, 0, 0],
                [SEND, 0, 0],
                [DELETE, 0, 0x80],
                [REPEAT, 1, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
            ],
        ),
    ];
    for (name, script) in scripts {
        for target in ["sessions", "world"] {
            seeds.push((target, name.to_owned(), script.concat()));
        }
    }
}

pub(super) fn edits(seeds: &mut Seeds) {
    let all: [(&'static str, &str, &[u8]); 25] = [
        // The first two bytes say at which point of the first two epochs the run begins. Each
        // action after them takes three bytes: a burst of messages, messages in turn, a restart, or
        // damage.
        ("braid", "turns", &[0x80, 0, 1, 0, 47, 0, 7, 0x55, 1, 1, 47]),
        (
            "braid",
            "loss",
            &[0, 60, 0, 15, 0xaa, 0, 14, 0xf0, 2, 0, 0, 2, 1, 0],
        ),
        ("braid", "hostile", &[0, 30, 3, 0xf0, 0, 0, 8, 0, 1, 0, 20]),
        (
            "braid",
            "hostile-late",
            &[0, 120, 1, 0, 9, 3, 0x81, 3, 1, 1, 40],
        ),
        // The first byte says which message is altered, and by whom. Each edit after it takes five
        // bytes.
        ("client", "genuine-first", &[0]),
        ("client", "genuine-second", &[3]),
        ("client", "bit", &[0, 0, 0, 60, 3, 0]),
        ("client", "relay-bit", &[2, 0, 6, 60, 3, 0]),
        // The first two bytes say which messages are reported, and by whom. Each change after them
        // takes six bytes.
        ("report", "other-context", &[0b101, 0x40, 4, 0, 2, 0, 0, 0]),
        ("report", "moved-tag", &[0b101, 0x40, 3, 0, 5, 0, 0, 0]),
        (
            "report",
            "never-sent",
            &[0b101, 0x40, 19, 0, 0, 0, 1, 2, 24, 0, 0, 0, 0, 7],
        ),
        ("report", "other-opening", &[0b101, 0x40, 7, 0, 2, 0, 0, 0]),
        ("report", "honest", &[0b0010_0111, 1]),
        ("report", "other-stamp", &[0b0010_0111, 1, 5, 1, 2, 0, 0, 0]),
        (
            "report",
            "sorted-part",
            &[0b0010_0101, 0x40, 19, 0, 0, 0, 9, 1, 20, 1, 5, 0, 1, 1],
        ),
        // Each damage to a record takes six bytes.
        ("store", "whole", &[]),
        ("store", "bit", &[3, 0, 0, 40, 2, 0]),
        (
            "store",
            "swapped",
            &[0x84, 0, 7, 0, 0, 0, 9, 4, 0, 20, 0, 0],
        ),
        // The first byte says whether there is a write-ahead log. Each damage after it takes eight
        // bytes.
        ("sqlite", "whole", &[0]),
        ("sqlite", "log", &[1]),
        ("sqlite", "swapped", &[0, 0, 3, 4, 0, 0, 0, 0, 0]),
        ("sqlite", "put-back", &[1, 3, 5, 0, 0, 0, 0, 0, 0]),
        ("sqlite", "trigger", &[0, 6, 9, 0, 0, 0, 0, 0, 0]),
        ("sqlite", "page", &[1, 8, 2, 0, 0, 0, 3, 1, 0]),
        (
            "sqlite",
            "frames",
            &[1, 12, 1, 2, 0, 0, 0, 0, 0, 11, 3, 0, 0, 0, 0, 0, 0],
        ),
    ];
    for (target, name, bytes) in all {
        seeds.push((target, name.to_owned(), bytes.to_vec()));
    }
}
