//! Every label with which this crate derives a key. No label is a prefix of another, nor of one of the crates below.

/// HKDF info of the key that seals a store's values.
pub(crate) const STORE_VALUES: &[u8] = b"waxseal/1/store/values";
/// HKDF info of the key that hides the names of a store's records.
pub(crate) const STORE_NAMES: &[u8] = b"waxseal/1/store/names";
/// HKDF info of what tells whether a key is a store's.
pub(crate) const STORE_KEY_CHECK: &[u8] = b"waxseal/1/store/key-check";

#[cfg(test)]
mod tests {
    #[test]
    fn no_label_is_a_prefix_of_another_nor_of_one_of_the_crates_below() {
        let sources = [
            include_str!("labels.rs"),
            include_str!("../../core/src/labels.rs"),
            include_str!("../../reporting/src/labels.rs"),
        ];
        let labels: Vec<&str> = sources
            .iter()
            .flat_map(|source| source.split("b\"waxseal/").skip(1))
            .filter_map(|rest| rest.split_once('"'))
            .filter(|(_, rest)| rest.starts_with(';')) // a constant's, not a test's
            .map(|(label, _)| label)
            .collect();
        assert!(labels.len() > 30 && labels.contains(&"1/store/values"));
        for (i, label) in labels.iter().enumerate() {
            for (j, other) in labels.iter().enumerate() {
                assert!(
                    i == j || !other.starts_with(label),
                    "{label} begins {other}"
                );
            }
        }
    }
}
