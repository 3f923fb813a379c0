//! An account loses its device, and the others accept its new identity.

#![allow(unreachable_pub, reason = "tests")]

use super::{ACCOUNTS, Exchange, Planned};

/// In each round with this remainder by three, an account gets another identity.
const CHANGES: usize = 2;

impl Exchange {
    /// Gives an account another identity and another home, before what the others send. Returns the
    /// account. It writes first, so that it has accepted the others.
    pub fn change_identity(&mut self, round: usize) -> Option<usize> {
        if round % 3 != CHANGES {
            return None;
        }
        let account = round / 3 % ACCOUNTS.len();
        let me = ACCOUNTS[account];
        self.world.change_identity(account);
        self.since[account] = self.planned.len();
        for (to, name) in ACCOUNTS.iter().enumerate().filter(|(_, name)| **name != me) {
            let text = format!("<{round}.new> from {me} to {name}");
            self.world.chat(account, &["send", name, &text]).output();
            let from = account;
            self.planned.push(Planned { from, to, text });
        }
        self.counts().identity_changes += 1;
        Some(account)
    }

    /// Accepts the new identity of an account, however often the process is killed.
    pub fn accept(&self, account: usize, changed: usize) {
        let accept = ["accept-identity", ACCOUNTS[changed], "--yes"];
        loop {
            self.go_on();
            let ended = self.world.chat(account, &accept);
            self.note(&ended);
            if ended.code() == Some(0) {
                return;
            }
        }
    }
}
