use super::is_link;

#[test]
fn links_are_found_and_other_words_are_not() {
    for word in [
        "https://example.com",
        "HTTP://1.2.3.4/x",
        "www.example",
        "(WWW.example.org)",
        "example.com/path",
        "tel://12",
        "«bücher.example/»",
        "prize.example",
        "t.example!",
        "xn--bcher-kva.example:8080",
        "(shop.example?id=1)",
    ] {
        assert!(is_link(word), "{word}");
    }
    for word in ["", "e.g.", "3.5/4", "and/or", "a.b", "wwwhat", "50%", "…"] {
        assert!(!is_link(word), "{word}");
    }
}
