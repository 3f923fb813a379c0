use super::*;
use crate::tests::world::{Saved, World};
use crate::vault::LocalVault;

fn round_trip(request: &Request) {
    let bytes = request.encode();
    assert_eq!(&Request::decode(&bytes).unwrap(), request);
    if !matches!(
        request,
        Request::Adopt { .. } | Request::Sort { .. } | Request::Open(_)
    ) {
        for len in 0..bytes.len() {
            assert!(Request::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
        assert!(Request::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn chk181_requests_survive_their_encoding_and_others_are_refused() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let request = world.prepare(&grant, &waiting).unwrap();
    let (id, accepted) = (waiting.id, waiting.accepted.clone());
    let (note, entries) = (world.witnessed(2).encode(), world.entries.clone());
    let report = waiting.digest();
    round_trip(&Request::Status);
    round_trip(&Request::Follow {
        note: note.clone(),
        entries,
    });
    round_trip(&Request::Adopt {
        document: vec![1, 2],
    });
    round_trip(&Request::Challenge { grant, report });
    round_trip(&Request::Open(request));
    round_trip(&Request::Sort { id, accepted });
    assert!(Request::decode(&[1, 7]).is_err());
    assert!(Request::decode(&[2, 1]).is_err());
    let document = vec![0; MAX_POLICY_LEN + 1];
    assert!(Request::decode(&Request::Adopt { document }.encode()).is_err());
    let accepted = vec![0; MAX_ACCEPTED_LEN + 1];
    assert!(Request::decode(&Request::Sort { id, accepted }.encode()).is_err());
    let entries = vec![vec![0; MAX_ENTRY_LEN + 1]];
    let long = Request::Follow {
        note: note.clone(),
        entries,
    };
    assert!(Request::decode(&long.encode()).is_err());
    let mut many = Request::Follow {
        note,
        entries: Vec::new(),
    }
    .encode();
    let at = many.len() - 4;
    many[at..].copy_from_slice(&65_537u32.to_be_bytes());
    assert!(Request::decode(&many).is_err());
}

#[test]
fn chk181_answers_survive_their_encoding_and_others_are_refused() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let view = world.open(&grant, &waiting).unwrap();
    let mut vault = LocalVault::new(world.vault, Saved::default(), world.rng);
    let status = vault.status().unwrap();
    let challenge = vault
        .challenge(&grant, &waiting.digest(), world.now)
        .unwrap();
    let sorted = vault
        .sort(&waiting.id, &waiting.accepted, world.now)
        .unwrap();
    let cosigner = world.secrets.cosigner("log.example/vault").unwrap();
    let answers = [
        Answer::Refused(VaultError::Rejected { check: 83 }),
        Answer::Status(status),
        Answer::Follow(cosigner.cosign("text\n", 1)),
        Answer::Adopt,
        Answer::Challenge(challenge),
        Answer::Open(view.into()),
        Answer::Sort(sorted),
    ];
    for answer in answers {
        let bytes = answer.encode();
        assert_eq!(Answer::decode(&bytes).unwrap(), answer);
        // A cut line of a cosignature can be the line of another one.
        let cut = if matches!(answer, Answer::Follow(_)) {
            10
        } else {
            bytes.len()
        };
        for len in 0..cut {
            assert!(Answer::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
        assert!(Answer::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
    assert!(Answer::decode(&[1, 8]).is_err());
    assert!(Answer::decode(&[1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
}

#[test]
fn debug_shows_neither_challenge_nor_report() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let request = world.prepare(&grant, &waiting).unwrap();
    let shown = format!("{request:?}");
    assert!(
        shown.contains("OpenRequest") && shown.len() < 200,
        "{shown}"
    );
    let (id, accepted) = (waiting.id, waiting.accepted);
    for request in [Request::Open(request), Request::Sort { id, accepted }] {
        let shown = format!("{request:?}");
        assert!(shown.ends_with("(..)") && shown.len() < 20, "{shown}");
    }
}
