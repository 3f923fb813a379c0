//! The account names that a relay accepts.

use thiserror::Error;
use waxseal_reporting::AccountId;
use waxseal_reporting::limits::MAX_ACCOUNT_LEN;

/// Parses an account name: 1 to 128 ASCII letters, digits and `. _ - + @`, beginning with a letter
/// or digit.
///
/// These rules are stricter than those of [`AccountId`], which leaves it to the provider to prevent
/// accounts with names that look alike. A new account must also have a [`new_account_name`].
///
/// # Errors
/// [`BadName`].
pub fn account_name(name: &str) -> Result<AccountId, BadName> {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
    if !starts_well || name.len() > MAX_ACCOUNT_LEN || !name.chars().all(plain) {
        return Err(BadName);
    }
    AccountId::new(name).map_err(|_| BadName)
}

/// Parses the name of a new account. Besides what [`account_name`] asks for, no separator
/// (`. _ - + @`) is at the end or after another one: “bob.” and “b..ob” look like other names.
///
/// # Errors
/// [`BadName`].
pub fn new_account_name(name: &str) -> Result<AccountId, BadName> {
    let account = account_name(name)?;
    let is_separator = |c: &char| !c.is_ascii_alphanumeric();
    let next = name.chars().skip(1).map(Some).chain([None]);
    let doubled = |(c, next): (char, Option<char>)| {
        is_separator(&c) && next.is_none_or(|next| is_separator(&next))
    };
    if name.chars().zip(next).any(doubled) {
        return Err(BadName);
    }
    Ok(account)
}

/// What a name looks like. Two names with the same skeleton can be mistaken for one another, so the
/// relay registers only one of them: “paypal” and “paypa1”, “modern” and “modem”, “wow” and “vvow”.
///
/// The rules are those of Unicode's confusables (UTS #39) that concern the characters of a name.
/// Letters are expanded, never joined, so the order of the rules does not matter.
pub fn name_skeleton(name: &str) -> String {
    let mut skeleton = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            'I' | '1' | '|' => skeleton.push('l'),
            '0' => skeleton.push('o'),
            'm' | 'M' => skeleton.push_str("rn"),
            'w' | 'W' => skeleton.push_str("vv"),
            c => skeleton.push(c.to_ascii_lowercase()),
        }
    }
    skeleton
}

/// The name is not an account name that a relay accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "an account name is 1 to 128 ASCII letters, digits and . _ - + @, the first a letter or digit; \
     a new one has no . _ - + @ at its end or twice in a row"
)]
pub struct BadName;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_or_mean_something_in_a_path_are_refused() {
        for good in ["alice", "Bob-2", "a.b_c+d@example.org", &"n".repeat(128)] {
            assert_eq!(account_name(good).unwrap().as_str(), good);
        }
        let bad = [
            "",
            ".",
            "..",
            "-x",
            "a/b",
            "a b",
            "a%2f",
            "аlice",
            "a\0",
            &"n".repeat(129),
        ];
        for bad in bad {
            assert_eq!(account_name(bad), Err(BadName), "{bad:?}");
        }
    }

    #[test]
    fn a_new_name_has_no_separator_at_its_end_or_after_another() {
        for good in ["a", "a.b", "a-b_c@d.e", "A1"] {
            assert!(new_account_name(good).is_ok(), "{good}");
        }
        for bad in [
            "bob.", "bob-", "b..ob", "b.-ob", "bob@", ".bob", "b+_+ob", "bob__",
        ] {
            assert_eq!(new_account_name(bad), Err(BadName), "{bad}");
        }
        // Accounts of before may have such a name, and are still reached under it.
        assert!(account_name("bob.").is_ok());
    }

    #[test]
    fn names_that_can_be_mistaken_for_one_another_have_one_skeleton() {
        for (one, other) in [
            ("paypal", "paypa1"),
            ("paypal", "PAYPAI"),
            ("Ian", "lan"),
            ("bob", "b0b"),
            ("modern", "modem"),
            ("wow", "vvow"),
            ("vvw", "wvv"),
            ("Mo", "rNo"),
            ("Bob", "bob"),
        ] {
            assert_eq!(name_skeleton(one), name_skeleton(other), "{one} {other}");
        }
        for (one, other) in [
            ("alice", "bob"),
            ("ian", "lan"),
            ("a.b", "a-b"),
            ("a.b", "ab"),
            ("bob1", "bob2"),
            ("mn", "nm"),
        ] {
            assert_ne!(name_skeleton(one), name_skeleton(other), "{one} {other}");
        }
    }
}
