//! Files: sent, saved, shown, and given to moderators again.

mod attached;
mod bar;
mod media_type;
mod path;
mod save;
mod send;
mod source;
mod transfer;
mod wanted;

pub use attached::{files_of, lines, part_of};
pub use bar::amount;
pub use save::{Saving, save};
pub use send::{Sending, cancel, list, resume, send};
pub use wanted::{give_wanted, saved_copy};
