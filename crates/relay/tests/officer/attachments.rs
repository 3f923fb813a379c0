//! Pictures and files of a view, as their addresses give them out.

use crate::evil_desk::{GRANT, REPORT};
use crate::hostile::polyglot;
use crate::visit::Visit;

/// An opened view, of which the first file was fetched.
fn opened() -> Visit {
    let visit = Visit::new();
    visit.open();
    let fetched = visit.send(&of("fetch"), "message=0&part=2");
    assert_eq!(fetched.status, 303, "{}", fetched.body);
    visit
}

/// An address of the view.
fn of(part: &str) -> String {
    format!("/view/{GRANT}/{REPORT}/{part}")
}

#[test]
fn a_file_is_given_out_under_a_neutral_name_and_without_a_type() {
    let visit = opened();
    let file = visit.page(&of("file/0/2"));
    assert_eq!(file.status, 200);
    let name = "attachment; filename=\"report-12121212-message-1-part-2.bin\"";
    assert_eq!(file.header("content-disposition"), Some(name));
    let kind = "application/octet-stream";
    assert_eq!(file.header("content-type"), Some(kind));
    assert_eq!(file.bytes, polyglot());
    // One that was not fetched, or that nobody attached.
    for other in ["file/0/5", "file/0/8", "file/1/2", "file/0/1"] {
        assert_eq!(visit.page(&of(other)).status, 404, "{other}");
    }
}

#[test]
fn a_picture_and_a_preview_are_on_pages_of_their_own_and_are_pictures_by_their_bytes() {
    let visit = opened();
    let view = visit.page(&format!("/view/{GRANT}/{REPORT}"));
    assert!(!view.body.contains("<img"));
    for what in ["picture", "preview"] {
        let (address, page) = (of(&format!("{what}/0/2")), of(&format!("{what}/0/2/page")));
        let link = format!("href=\"{}{page}\"", visit.base);
        assert!(view.body.contains(&link), "{what}");
        assert!(!view.body.contains(&format!("{address}\"")), "{what}");
        let page = visit.page(&page);
        let image = format!("<img src=\"{}{address}\" alt=\"Picture", visit.base);
        assert!(page.body.contains(&image), "{}", page.body);
        assert_eq!(page.body.matches("<img").count(), 1);
        let picture = visit.page(&address);
        assert_eq!(picture.header("content-type"), Some("image/png"));
        assert_eq!(picture.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(picture.bytes, polyglot());
    }
    // An SVG is no picture, whatever it is called, and a file that was not fetched has none.
    for other in ["preview/0/5", "preview/0/8", "picture/0/5", "picture/4/2"] {
        for address in [of(other), of(&format!("{other}/page"))] {
            assert_eq!(visit.page(&address).status, 404, "{address}");
        }
    }
}

#[test]
fn an_address_that_cannot_be_read_leads_to_a_page_of_this_program() {
    let visit = opened();
    let paths = [
        of("picture/300/1"),
        of("picture/x/1/page"),
        of("preview/0/-1"),
        of("file/0/2/3"),
        "/case/%FF".to_owned(),
        "/case/1".to_owned(),
        "/sign".to_owned(),
    ];
    for path in paths {
        let answer = visit.page(&path);
        assert_eq!(answer.status, 404, "{path}");
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/html; charset=utf-8"), "{path}");
        assert!(answer.body.contains("There is no such page."), "{path}");
    }
}
