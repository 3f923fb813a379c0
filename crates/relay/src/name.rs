//! The account names that a relay accepts.

use thiserror::Error;
use waxseal_reporting::AccountId;
use waxseal_reporting::limits::MAX_ACCOUNT_LEN;

/// Parses an account name: 1 to 128 ASCII letters, digits and `. _ - + @`, beginning with a letter
/// or digit.
///
/// These rules are stricter than those of [`AccountId`], which leaves it to the provider to prevent
/// accounts with names that look alike. The relay also refuses a name that differs from a
/// registered one only in case.
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

/// The name is not an account name that a relay accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "an account name is 1 to 128 ASCII letters, digits and . _ - + @, the first a letter or digit"
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
}
