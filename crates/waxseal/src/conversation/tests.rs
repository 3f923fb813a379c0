use super::*;

fn both() -> [Conversation; 2] {
    let bob = AccountId::new("bob").unwrap();
    [bob.into(), GroupId::from_bytes([7; 32]).into()]
}

#[test]
fn a_name_is_read_back_and_the_rest_stays() {
    let names = [&b"\x03bob"[..], &[&[0][..], &[7; 32]].concat()];
    for (conversation, name) in both().iter().zip(names) {
        assert_eq!(conversation.to_name(), name);
        let longer = [name, b"rest"].concat();
        let (read, rest) = Conversation::split_name(&longer).unwrap();
        assert_eq!((&read, rest), (conversation, &b"rest"[..]));
        for len in 0..name.len() {
            assert!(Conversation::split_name(&name[..len]).is_none());
        }
    }
}

#[test]
fn a_record_names_one_conversation() {
    for conversation in both() {
        let (account, group) = conversation.to_record();
        let read = Conversation::of_record(&account, &group);
        assert_eq!(read.as_ref(), Some(&conversation));
    }
    assert_eq!(Conversation::of_record("", &[]), None);
    assert_eq!(Conversation::of_record("bob", &[7; 31]), None);
    let of_member = Conversation::of_record("bob", &[7; 32]);
    assert_eq!(of_member.as_ref(), Some(&both()[1]));
}

#[test]
fn debug_shows_no_ids() {
    let [_, group] = both();
    assert_eq!(format!("{group:?}"), "Group(GroupId(..))");
}
