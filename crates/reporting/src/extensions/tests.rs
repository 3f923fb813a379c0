//! Tests of `extensions.rs`.

use super::*;

fn of(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, value) in extensions {
        out.extend_from_slice(&kind.to_be_bytes());
        put_medium(&mut out, value);
    }
    out
}

#[test]
fn extensions_round_trip_and_show_their_length_only() {
    let all: &[(u16, &[u8])] = &[(0, b""), (1, b"secret"), (0x7fff, b"\xff"), (0x8000, b"")];
    let extensions = Extensions::unassigned(all).unwrap();
    assert_eq!(extensions.as_bytes(), of(all));
    assert_eq!(extensions.iter().collect::<Vec<_>>(), all);
    assert_eq!(Extensions::decode(&of(all)), Some(extensions.clone()));
    assert_eq!(format!("{extensions:?}"), "Extensions(23 bytes)");
    assert!(!extensions.is_empty() && Extensions::default().is_empty());
    assert_eq!(Extensions::decode(&[]), Some(Extensions::default()));
}

#[test]
fn chk94_extensions_out_of_form_are_refused() {
    let bad = [
        of(&[(1, b"a"), (1, b"a")]),
        of(&[(2, b""), (1, b"")]),
        of(&[(0x8001, b""), (1, b"")]),
        of(&[(1, b""), (3, b""), (2, b"")]),
        [of(&[(1, b"ab")]).as_slice(), &[0]].concat(),
        vec![0, 1, 0, 3, 1, 2],
        vec![0, 1, 0xff, 0xff],
    ];
    for bytes in bad {
        assert_eq!(Extensions::decode(&bytes), None, "{bytes:?}");
    }
    let whole = of(&[(1, b"ab"), (2, b"c")]);
    for cut in 0..whole.len() {
        let complete = cut == 0 || cut == 6;
        assert_eq!(Extensions::decode(&whole[..cut]).is_some(), complete);
    }
    let refused = Extensions::unassigned(&[(2, b""), (1, b"")]);
    assert_eq!(refused, Err(ExtensionsError));
}

#[test]
fn chk94_extensions_end_at_their_limit() {
    // 4 bytes of each are type and length.
    let value = [7; MAX_EXTENSIONS_LEN];
    let one = |len| of(&[(1, &value[..len])]);
    let two = |len| of(&[(1, &value[..500]), (2, &value[..len])]);
    for (bytes, fits) in [
        (one(MAX_EXTENSIONS_LEN - 4), true),
        (one(MAX_EXTENSIONS_LEN - 3), false),
        (two(MAX_EXTENSIONS_LEN - 508), true),
        (two(MAX_EXTENSIONS_LEN - 507), false),
        (
            of(&(0..256).map(|kind| (kind, &b""[..])).collect::<Vec<_>>()),
            true,
        ),
        (
            of(&(0..257).map(|kind| (kind, &b""[..])).collect::<Vec<_>>()),
            false,
        ),
    ] {
        assert_eq!(
            Extensions::decode(&bytes).is_some(),
            fits,
            "{}",
            bytes.len()
        );
    }
    let long = vec![7; 70_000];
    assert_eq!(Extensions::unassigned(&[(1, &long)]), Err(ExtensionsError));
}

#[test]
fn the_highest_bit_makes_an_extension_critical() {
    let critical = |kinds: &[u16]| {
        let all: Vec<_> = kinds.iter().map(|kind| (*kind, &b"x"[..])).collect();
        Extensions::unassigned(&all).unwrap().has_unknown_critical()
    };
    assert!(!critical(&[]));
    assert!(!critical(&[0, 1, 0x4000, 0x7fff]));
    for kind in [0x8000, 0x8001, 0xffff] {
        assert!(critical(&[kind]) && critical(&[1, kind]));
    }
    assert!(critical(&[0x8000, 0xffff]));
}
