use super::*;

#[test]
fn a_form_is_read_as_browsers_send_it() {
    let form = Form::read(b"rule=Section+2%2C+b&m=1&m=2&r.07=on&empty=&text=a%0D%0Ab+").unwrap();
    assert_eq!(form.get("rule"), "Section 2, b");
    assert_eq!(form.all("m").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(form.get("r.07"), "on");
    assert_eq!((form.get("empty"), form.get("other")), ("", ""));
    assert_eq!(form.lines("text"), "a\nb");
}

#[test]
fn what_is_not_a_form_is_refused() {
    for bytes in [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%+1", b"a=%ff"] {
        assert!(Form::read(bytes).is_none());
    }
    assert!(Form::read(&vec![b'a'; MAX_FORM_LEN]).is_some());
    assert!(Form::read(&vec![b'a'; MAX_FORM_LEN + 1]).is_none());
}
