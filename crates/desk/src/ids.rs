//! Identifiers and digests: a type for each meaning, so that no two of them can be swapped.

use core::fmt;

macro_rules! bytes {
    ($($(#[$doc:meta])* $name:ident($len:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// The value with these bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

bytes! {
    /// A case, which gathers reports about one account. 16 random bytes.
    CaseId(16);
    /// A grant. 16 random bytes.
    GrantId(16);
    /// An officer's Ed25519 public key. 32 bytes. It names the officer everywhere.
    OfficerId(32);
    /// The Ed25519 public key with which a vault cosigns checkpoints. 32 bytes. It names the vault.
    VaultId(32);
    /// The digest of a grant, before its signatures. 32 bytes.
    GrantDigest(32);
    /// The digest of an encoded accepted report. 32 bytes. A grant names a report by it.
    AcceptedDigest(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_bytes() {
        assert_eq!(format!("{:?}", CaseId::from_bytes([7; 16])), "CaseId(..)");
    }
}
