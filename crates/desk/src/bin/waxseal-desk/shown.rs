//! What a followed log shows, as lines.

use std::fmt::Write as _;

use waxseal_desk::transparency::date_and_time;

use crate::follow::Followed;
use crate::text::{counted, grouped};

impl Followed {
    /// How far the log was checked, as lines.
    pub fn describe(&self) -> String {
        let mut out = String::new();
        let last = self.audit.last_checkpoint();
        let _ = match last {
            None => writeln!(
                out,
                "Checked   no entry: the tiles reach no published checkpoint"
            ),
            Some(last) => writeln!(
                out,
                "Checked   {} and {}, up to the checkpoint over {},\n          \
                 which the vault cosigned on {}",
                counted(last.size(), "entry", "entries"),
                counted(self.checked, "checkpoint", "checkpoints"),
                grouped(last.size()),
                date_and_time(last.vault_time()),
            ),
        };
        let Some(newest) = &self.newest else {
            return out;
        };
        let proven = last.map_or(0, |last| last.size());
        let _ = match newest.size().checked_sub(proven) {
            None | Some(0) => writeln!(out, "Newest    is that checkpoint"),
            Some(ahead) => writeln!(
                out,
                "Newest    the checkpoint over {}, cosigned on {}.\n          \
                 Its last {} not in the tiles yet: tiles follow after seven days",
                grouped(newest.size()),
                date_and_time(newest.vault_time()),
                match ahead {
                    1 => "entry is".to_owned(),
                    more => format!("{} entries are", grouped(more)),
                },
            ),
        };
        out
    }
}
