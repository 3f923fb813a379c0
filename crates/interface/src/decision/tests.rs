use super::*;

#[test]
fn only_64_lower_case_hex_digits_are_a_leaf() {
    let leaf = std::array::from_fn(|at| u8::try_from(at).unwrap() | 0xa0);
    let text = leaf_text(&leaf);
    assert_eq!(parse_leaf(&text), Some(leaf));
    let sign = format!("+{}", &text[1..]);
    let (short, long) = (&text[1..], format!("{text}0"));
    for other in [
        short,
        &long,
        &text.to_uppercase(),
        &sign,
        &"é".repeat(32),
        "",
    ] {
        assert_eq!(parse_leaf(other), None, "{other}");
    }
}

#[test]
fn the_debug_form_of_an_appeal_has_neither_text_nor_report() {
    let appeal = Appeal {
        side: 1,
        report_id: Some("aa".repeat(16)),
        text: "It was not me.".to_owned(),
    };
    assert_eq!(format!("{appeal:?}"), "Appeal { side: 1, .. }");
}
