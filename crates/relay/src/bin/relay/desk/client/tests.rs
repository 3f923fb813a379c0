use std::sync::mpsc::channel;

use super::*;

#[tokio::test]
async fn devices_that_wait_for_the_desk_keep_no_report_from_it() {
    let desk = Arc::new(Desk::new(
        DeskSetup {
            link: Link::new("http://127.0.0.1:1").unwrap(),
            origin: "provider.example/desk".to_owned(),
            acceptance: AcceptanceKey::generate(&mut system_rng()),
            interval: Duration::from_secs(60),
        },
        &SigningKey::from_bytes(&[1; 32]),
    ));
    // As many as may be asked at a time, and one more.
    let mut waiting = Vec::new();
    for _ in 0..MAX_ASKED {
        let (go_on, waits) = channel::<()>();
        let asks = desk.clone();
        let asked = tokio::spawn(async move {
            asks.ask(&asks.patient, move |_, _| {
                let _ = waits.recv();
                Ok(())
            })
            .await
        });
        waiting.push((go_on, asked));
    }
    let full = async {
        while desk.patient.places.available_permits() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), full)
        .await
        .unwrap();
    let more = desk.ask(&desk.patient, |_, _| Ok(())).await;
    let busy = matches!(more, Err(DeskError::Refused { code, .. }) if code == DeskCode::Busy);
    assert!(busy);
    assert_eq!(desk.ask(&desk.quick, |_, _| Ok(7)).await.unwrap(), 7);
    for (go_on, asked) in waiting {
        drop(go_on);
        asked.await.unwrap().unwrap();
    }
    desk.ask(&desk.patient, |_, _| Ok(())).await.unwrap();
}
