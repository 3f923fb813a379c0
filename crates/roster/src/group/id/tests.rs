//! Tests of ids of groups.

use super::GroupId;
use crate::labels;
use crate::tests::raw_group::{id, seed};

/// `waxseal-reporting` has the same vector: the id of a group is that of its conversation.
#[test]
fn the_id_of_a_group_is_that_of_its_conversation_in_the_vectors_of_reporting() {
    let vectors = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../reporting/tests/vectors/stamp.json"
    );
    let vectors = std::fs::read_to_string(vectors).unwrap();
    let vectors: serde_json::Value = serde_json::from_str(&vectors).unwrap();
    let mut vectors = vectors["vectors"].as_array().unwrap().iter();
    let vector = vectors.find(|vector| vector["id"] == "group-authority");
    let vector = vector.unwrap();
    let name = [labels::GROUP_AUTHORITY, &seed(1).public().to_bytes()].concat();
    let hex = |bytes: &[u8]| waxseal_vectors::harness::hex(bytes);
    assert_eq!(vector["input"]["group_name"], hex(&name));
    assert_eq!(vector["expected"]["conversation"], hex(&id().to_bytes()));
}

#[test]
fn an_id_reads_back_and_is_of_one_authority() {
    assert_eq!(GroupId::from_bytes(id().to_bytes()), id());
    assert_ne!(GroupId::of_authority(&seed(2).public()), id());
    assert_eq!(format!("{:?}", id()), "GroupId(..)");
}
