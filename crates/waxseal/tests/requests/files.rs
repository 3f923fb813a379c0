//! Files in requests.

use waxseal::reporting::BlobId;
use waxseal::reporting::file::{FileDescriptor, FileKey, FileRoot, FileShape};
use waxseal::reporting::message::{FileAttachment, FilePreview};
use waxseal::{Client, Content, Draft, Received};
use waxseal_world::{Provider, account};

use crate::support::{Stranger, world};

fn descriptor() -> FileDescriptor {
    let shape = FileShape::new(70_000).unwrap();
    let root = FileRoot::from_bytes([6; 32]);
    let location = FileDescriptor::blob_location(&BlobId::from_bytes([9; 32]));
    FileDescriptor::new(shape, root, "image/jpeg", "picture.jpg", &location).unwrap()
}

/// A file with a preview, as a message has it.
pub fn attached() -> FileAttachment {
    let picture = FilePreview::new("image/webp", b"a small picture").unwrap();
    FileAttachment::new(descriptor(), FileKey::from_bytes([7; 32]), Some(picture))
}

#[test]
fn chk589_a_file_of_a_request_has_no_preview() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let file = attached();
    let draft = || Draft::new(Content::Text("look".to_owned())).attach(file.clone());
    let sent = alice.send(&account("bob"), draft(), world.now, &mut world.rng);
    let (delivery, _) = world.relay(&alice, &bob, &sent.unwrap().envelope);
    let Received::Message { message, .. } = bob.receive(&delivery).unwrap() else {
        panic!("no message");
    };
    let has_preview = |message: &waxseal::Message| {
        let file = message.attachments()[0].file().unwrap();
        assert_eq!(file.descriptor().blob(), descriptor().blob());
        file.preview().is_some()
    };
    let id = *message.id();
    assert!(message.is_request() && !has_preview(&message));
    let read = |bob: &Client<_>| {
        let one = bob.message(&account("alice"), &id).unwrap().unwrap();
        let page = bob.messages(&account("alice"), None, 9).unwrap();
        assert_eq!(has_preview(&one), has_preview(&page.items[0]));
        assert_eq!(one.is_request(), page.items[0].is_request());
        (one.is_request(), has_preview(&one))
    };
    assert_eq!(read(&bob), (true, false));
    bob.accept_contact(&account("alice")).unwrap();
    assert_eq!(read(&bob), (false, true));
    let id = world.exchange(&mut alice, &mut bob, draft());
    let next = bob.message(&account("alice"), &id).unwrap().unwrap();
    assert!(has_preview(&next));
}

#[test]
fn chk589_an_edit_of_a_request_with_a_file_has_no_preview() {
    let (mut world, mut bob) = world();
    let mallory = account("mallory");
    let mut stranger = Stranger::new(&mut world, "mallory");
    let received = stranger.write(&mut world, &mut bob, "look");
    let Received::Message { message, .. } = received else {
        panic!("no message");
    };
    let id = *message.id();
    let text = "look here".to_owned();
    let content = Content::Edit { of: id, text };
    let envelope = stranger.seal_with_files(content, vec![attached().into()], &mut world);
    stranger.deliver(&mut world, &mut bob, &envelope);
    let read = |bob: &Client<_>| {
        let edits = bob.edits(&mallory, &id, world.now).unwrap();
        assert_eq!(edits.len(), 1);
        assert_eq!(edits[0].id(), envelope.tag());
        let file = edits[0].attachments()[0].file().unwrap();
        assert_eq!(file.descriptor().blob(), descriptor().blob());
        (edits[0].is_request(), file.preview().is_some())
    };
    assert_eq!(read(&bob), (true, false));
    bob.accept_contact(&mallory).unwrap();
    assert_eq!(read(&bob), (false, true));
}
