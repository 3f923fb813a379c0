use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_reader_keeps_its_place_until_it_has_read_also_if_its_caller_is_gone() {
    let places = Arc::new(Semaphore::new(1));
    let (go_on, waits) = channel();
    let read = in_place(&places, move || {
        waits.recv().unwrap();
        Ok(())
    });
    let hung_up = tokio::time::timeout(Duration::from_millis(50), read).await;
    assert!(hung_up.is_err());
    assert_eq!(places.available_permits(), 0);
    go_on.send(()).unwrap();
    assert_eq!(in_place(&places, || Ok(7)).await.unwrap(), 7);
    assert_eq!(places.available_permits(), 1);
}
