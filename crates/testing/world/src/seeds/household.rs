//! Scripts for accounts with several devices, written by hand.

use super::Seeds;

/// The kinds of steps in a script. Each constant is the lowest byte that selects its kind.
const WRITE: u8 = 0;
const POST: u8 = 7;
const ARRIVE: u8 = 14;
const RESTART: u8 = 21;
const LINK: u8 = 22;
const REMOVE: u8 = 24;
const TAKE_OVER: u8 = 25;
const POST_ROSTER: u8 = 26;
const PUBLISH: u8 = 28;
const FETCH: u8 = 29;
const UPKEEP: u8 = 30;

/// The answer to a message is lost; the process ends after a message was sealed for other devices.
const LOST: u8 = 0x80;
const ALONE: u8 = 0xc0;
/// The answer to a roster is lost.
const UNANSWERED: u8 = 3;

/// Seeds of the target `household`.
pub(super) fn household(seeds: &mut Seeds) {
    let scripts: [(&str, &[[u8; 3]]); 7] = [
        (
            "linked",
            &[
                [LINK, 0, 0],
                [POST_ROSTER, 0, 0],
                [WRITE, 1, 0],
                [POST, 1, 0],
                [PUBLISH, 2, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 2, 0],
                [UPKEEP, 2, 0],
                [POST, 2, 0],
            ],
        ),
        (
            "linked-while-writing",
            &[
                [WRITE, 1, 0],
                [LINK, 0, 0],
                [POST_ROSTER, 0, UNANSWERED],
                [POST, 1, ALONE],
                [RESTART, 1, 0],
                [POST_ROSTER, 0, 0],
                [PUBLISH, 2, 0],
                [POST, 1, LOST],
                [POST, 1, 0],
                [ARRIVE, 2, 0],
                [ARRIVE, 2, 0],
            ],
        ),
        (
            "removed-while-writing",
            &[
                [LINK, 1, 0],
                [POST_ROSTER, 1, 0],
                [PUBLISH, 2, 0],
                [WRITE, 0, 0],
                [WRITE, 2, 0],
                [REMOVE, 1, 0],
                [POST, 0, 0],
                [POST_ROSTER, 1, 0],
                [POST, 2, 0],
                [ARRIVE, 2, 0],
                [ARRIVE, 1, 0],
            ],
        ),
        (
            "removed-author",
            &[
                [LINK, 1, 0],
                [POST_ROSTER, 1, 0],
                [PUBLISH, 2, 0],
                [WRITE, 2, 0],
                [POST, 2, 0],
                [REMOVE, 1, 0],
                [POST_ROSTER, 1, 0],
                [FETCH, 0, 1],
                [ARRIVE, 0, 0],
                [ARRIVE, 1, 0],
            ],
        ),
        (
            "taken-over",
            &[
                [LINK, 0, 0],
                [POST_ROSTER, 0, 0],
                [TAKE_OVER, 2, 0],
                [LINK, 0, 0],
                [POST_ROSTER, 0, 0],
                [POST_ROSTER, 2, 0],
                [WRITE, 1, 0],
                [POST, 1, 0],
                [ARRIVE, 2, 0],
                [LINK, 0, 0],
                [POST_ROSTER, 2, 0],
            ],
        ),
        (
            "own-copies",
            &[
                [LINK, 0, 0],
                [POST_ROSTER, 0, 0],
                [PUBLISH, 2, 0],
                [WRITE, 0, 0],
                [WRITE, 2, 0],
                [POST, 2, LOST],
                [POST, 0, 0],
                [RESTART, 2, 0],
                [POST, 2, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 2, LOST],
                [ARRIVE, 2, 0],
            ],
        ),
        (
            "without-prekeys",
            &[
                [LINK, 1, 0],
                [POST_ROSTER, 1, 0],
                [WRITE, 0, 1],
                [POST, 0, 0],
                [ARRIVE, 2, 0],
                [UPKEEP, 2, 0],
                [POST, 2, 0],
                [ARRIVE, 0, 0],
                [UPKEEP, 0, 0],
                [POST, 0, 0],
                [ARRIVE, 2, 0],
            ],
        ),
    ];
    for (name, script) in scripts {
        seeds.push(("household", name.to_owned(), script.concat()));
    }
}
