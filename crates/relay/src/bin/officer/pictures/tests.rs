use super::*;

#[test]
fn chk651_only_four_formats_are_pictures_whatever_the_sender_claims() {
    assert_eq!(kind_of(b"\x89PNG\r\n\x1a\n...<script>"), Some("image/png"));
    assert_eq!(kind_of(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
    assert_eq!(kind_of(b"GIF89a=1;alert(1)"), Some("image/gif"));
    assert_eq!(kind_of(b"RIFF....WEBPVP8 "), Some("image/webp"));
    let others: [&[u8]; 8] = [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<!doctype html>\x89PNG\r\n\x1a\n",
        b"%PDF-1.7",
        b"MZ",
        b"RIFF....WAVEfmt ",
        b"\x89PNG\n\x1a\n",
        b"BM......",
    ];
    for bytes in others {
        assert_eq!(kind_of(bytes), None);
    }
}
