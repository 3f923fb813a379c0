//! In whatever order the messages of a conversation arrive, a device shows the same.

use rand::SeedableRng;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha20Rng;
use waxseal::reporting::message::Content;
use waxseal::{Client, DeviceAddress, Draft, MemoryStore};
use waxseal_world::{account, snapshot};

use crate::net::{Net, bob};
use crate::support::line;

/// What a device shows of the conversation, whatever the order of the rows.
fn lines(client: &Client<MemoryStore>, peer: &str, net: &Net) -> Vec<String> {
    let page = client
        .views(&account(peer), None, 1_000, net.now())
        .unwrap();
    assert!(page.damaged.is_empty());
    let mut lines: Vec<_> = page.items.iter().map(line).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn any_order_of_deliveries_over_two_devices_shows_the_same() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.send(&mut phone, &bob(), "hello");
    net.send(&mut other, &account("alice"), "hello");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    net.send(&mut laptop, &bob(), "hello from here");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let before = snapshot(&other);
    let me = other.me().clone();

    let ids = ["one", "two", "three"].map(|text| net.send(&mut phone, &bob(), text));
    let mut deliveries = Vec::new();
    let take = |net: &mut Net, from: &DeviceAddress, deliveries: &mut Vec<Vec<u8>>| {
        while let Some(delivery) = net.next(from) {
            deliveries.push(delivery);
        }
    };
    take(&mut net, &me, &mut deliveries);
    let at = |phone: &mut _, laptop: &mut _, net: &mut Net| {
        net.settle(&mut [phone, laptop]);
    };
    at(&mut phone, &mut laptop, &mut net);
    for number in 0..4 {
        let of = ids[number % 2];
        net.send(
            &mut phone,
            &bob(),
            Draft::edit(of, format!("phone {number}")),
        );
        net.settle(&mut [&mut phone, &mut laptop]);
        net.send(
            &mut laptop,
            &bob(),
            Draft::edit(of, format!("laptop {number}")),
        );
        net.settle(&mut [&mut phone, &mut laptop]);
    }
    net.send(&mut laptop, &bob(), Draft::react(ids[0], "1"));
    net.settle(&mut [&mut phone, &mut laptop]);
    net.send(&mut phone, &bob(), Draft::react(ids[0], "2"));
    net.send(&mut phone, &bob(), Content::Timer { after_secs: 60 });
    net.settle(&mut [&mut phone, &mut laptop]);
    net.send(&mut laptop, &bob(), Content::Timer { after_secs: 90 });
    net.send(&mut laptop, &bob(), Draft::delete(ids[2]));
    net.settle(&mut [&mut phone, &mut laptop]);
    take(&mut net, &me, &mut deliveries);
    assert!(deliveries.len() >= 16, "{}", deliveries.len());

    let own = lines(&phone, "bob", &net);
    assert_eq!(own, lines(&laptop, "bob", &net));
    assert!(
        own.contains(&"laptop 2 (4 edits) alice:2".to_owned()),
        "{own:?}"
    );
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for round in 0..60 {
        let mut client = Client::open(MemoryStore::from_records(before.clone())).unwrap();
        deliveries.shuffle(&mut rng);
        for some in deliveries.chunks(1 + round % 7) {
            let received = client.receive_many(some.iter().map(Vec::as_slice)).unwrap();
            assert!(received.iter().all(Result::is_ok));
            // A receipt or news end a batch. What comes after it is given again.
            for rest in &some[received.len()..] {
                client.receive(rest).unwrap();
            }
            if round % 3 == 0 {
                client = Client::open(client.into_store()).unwrap();
            }
        }
        assert_eq!(lines(&client, "alice", &net), own, "round {round}");
        assert_eq!(client.timer(&account("alice")).unwrap(), 90);
    }
}
