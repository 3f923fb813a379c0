//! What senders, reporters and a desk that was taken over may write.

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
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8], data: &[u8]| {
        bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
        let start = bytes.len();
        bytes.extend_from_slice(kind);
        bytes.extend_from_slice(data);
        let sum = crc(&bytes[start..]);
        bytes.extend_from_slice(&sum.to_be_bytes());
    };
    chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]);
    chunk(
        b"tEXt",
        b"Comment\0<script>window.pwned=1;top.pwned=1</script>",
    );
    // A stored deflate block: filter byte and one red pixel.
    let pixel = [0, 200, 30, 30];
    let mut data = vec![0x78, 0x01, 0x01, 4, 0, 0xfb, 0xff];
    data.extend_from_slice(&pixel);
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in pixel {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    data.extend_from_slice(&(b << 16 | a).to_be_bytes());
    chunk(b"IDAT", &data);
    chunk(b"IEND", &[]);
    bytes.extend_from_slice(
        b"<html><body><script>window.pwned=1;top.pwned=1</script></body></html>",
    );
    bytes
}

/// CRC-32 of PNG (ISO 3309).
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}
