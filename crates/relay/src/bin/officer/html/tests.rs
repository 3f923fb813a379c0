use super::*;

#[test]
fn text_and_values_from_outside_are_never_markup() {
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;b&gt;\0";
    let mut html = Html::new("/base");
    html.tag("p").class(hostile).put(|html| {
        html.text(hostile);
        html.said(hostile);
        html.said_lines(hostile);
    });
    html.tag("input").value(hostile).end();
    let link = Link::to("/log").with("number", hostile).at(hostile);
    html.tag("a").href(&link).text("log");
    let piece = html.piece();
    // All that is left of markup is what the program wrote itself.
    let mut names: Vec<_> = piece
        .split('<')
        .skip(1)
        .map(|rest| rest.split([' ', '>']).next().unwrap())
        .collect();
    names.sort_unstable();
    names.dedup();
    let own = [
        "/a", "/bdi", "/p", "/span", "a", "bdi", "input", "p", "span",
    ];
    assert_eq!(names, own);
    assert!(piece.contains("&lt;script&gt;") && piece.contains("&amp;lt;b&amp;gt;"));
    assert!(piece.contains("href=\"/base/log?number=%22%27%3E%3Cscript"));
    assert!(!piece.contains('\0') && !piece.contains('\''));
}

#[test]
fn a_link_stays_with_this_program() {
    let link = Link::to("/case").hex(&Hex([7; 2])).part("ask");
    assert_eq!(link.below("/x"), "/x/case/0707/ask");
    let link = Link::to("/queue")
        .with("order", "//evil.example/&a=b")
        .with("b", "ü");
    let path = "/queue?order=%2F%2Fevil.example%2F%26a%3Db&b=%C3%BC";
    assert_eq!(link.below(""), path);
    assert_eq!(Link::public("style.css").below("/x"), "/style.css");
    assert_eq!(Link::public("//evil.example").below("/x"), "/evil.example");
}
