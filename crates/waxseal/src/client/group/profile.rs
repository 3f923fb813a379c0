//! Title and picture of a group: what the newest profile says. A profile is a message to the group,
//! so it can be reported, and the provider cannot read it.

use super::Group;
use super::invite::MAX_TITLE_LEN;

impl Group {
    /// Takes a profile, if it is the newest one. `accepted_ms` is when the provider accepted the
    /// message. Returns whether it is taken; the caller writes the group.
    pub(in crate::client) fn note_profile(
        &mut self,
        title: &str,
        picture: &[u8],
        accepted_ms: u64,
    ) -> bool {
        let record = &mut self.record;
        // Of two at one time, all members take the same, in whatever order they come.
        let known = (record.profile_ms, record.title.as_str(), &*record.picture);
        if (accepted_ms, title, picture) <= known {
            return false;
        }
        title.clone_into(&mut record.title);
        record.picture = picture.to_vec();
        record.profile_ms = accepted_ms;
        true
    }

    /// Takes the title of an invitation, if none is known. Returns whether it is taken.
    pub(super) fn note_first_title(&mut self, title: &str) -> bool {
        let is_first = self.record.title.is_empty() && !title.is_empty();
        let takes = is_first && title.len() <= MAX_TITLE_LEN;
        if takes {
            title.clone_into(&mut self.record.title);
        }
        takes
    }
}
