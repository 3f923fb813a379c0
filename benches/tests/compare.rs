//! Asserts that the JSON of `compare` has the shape that its readers rely on, for every operation
//! and system.

use std::path::Path;

use serde_json::Value;
use waxseal_benches::measure::Effort;
use waxseal_benches::model::{self, Model};
use waxseal_benches::systems::{Clients, exchange};
use waxseal_benches::{chart, compare, primitives};

#[test]
fn compare_measures_every_operation_that_its_readers_and_the_model_rely_on() {
    let measured = compare::all(Effort::SMOKE, None);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    chart::comparison(&measured, folder).expect("writes");
    let plot = std::fs::read_to_string(folder.join("handshake.svg")).expect("a plot");
    assert!(plot.contains("vodozemac olm-v1 64"));

    let model = Model {
        primitives: primitives::measure(Effort::SMOKE),
        results: measured,
    };
    for bound in model::bounds() {
        let row = (bound.operation, bound.size, bound.variant);
        assert!(
            model.results.median(row.0, row.1, row.2).is_some(),
            "{row:?}"
        );
        assert!(model.cost(&bound) > 0.0, "{row:?}");
    }
    let results = model.results.to_json();
    let list = |name: &str| results[name].as_array().expect("a list").clone();
    assert!(results["machine"]["cpu"].is_string());
    let rows = list("rows");
    for row in &rows {
        for field in ["operation", "system", "variant"] {
            assert!(row[field].is_string(), "{row}");
        }
        for field in ["size", "median_ns", "min_ns", "samples"] {
            assert!(row[field].is_number(), "{row}");
        }
        assert!(row["min_ns"].as_f64() <= row["median_ns"].as_f64(), "{row}");
    }
    let measured = |operation: &str, variant: &str| {
        let is_it = |row: &&Value| row["operation"] == operation && row["variant"] == variant;
        rows.iter().filter(is_it).count()
    };
    for variant in ["olm-v1", "olm-v2", "ratchet", "franked", "client"] {
        assert_eq!(measured("handshake", variant), 1);
        assert_eq!(measured("skip_1000", variant), 1);
        for operation in ["pingpong_seal", "pingpong_open", "burst_seal", "burst_open"] {
            assert_eq!(measured(operation, variant), 3, "{operation} {variant}");
        }
        for operation in ["fanout_seal", "fanout_open", "fanout_seal_4096"] {
            assert_eq!(measured(operation, variant), 3, "{operation} {variant}");
        }
        assert_eq!(measured("forged_header", variant), 4);
        let keeps_all = if variant.starts_with("olm") { 2 } else { 4 };
        assert_eq!(measured("open_with_skipped", variant), keeps_all);
    }
    for (operation, variants) in [
        (
            "export",
            vec![("olm-v1", 1), ("ratchet", 2), ("franked", 2)],
        ),
        (
            "import",
            vec![("olm-v1", 1), ("ratchet", 2), ("franked", 2)],
        ),
        (
            "commit",
            vec![
                ("plain", 4),
                ("cte1", 4),
                ("cte2", 4),
                ("cep", 4),
                ("franked", 4),
            ],
        ),
        ("verify", vec![("plain", 4), ("franked", 4)]),
        ("attachment_seal", vec![("plain", 2), ("file", 2)]),
        ("attachment_open_cpu", vec![("plain", 2), ("file", 2)]),
        ("stamp", vec![("stamp", 1), ("relay", 1)]),
        ("roster_verify", vec![("strict", 3), ("verify", 3)]),
        ("link", vec![("client", 1)]),
        ("report_review", vec![("report", 3)]),
    ] {
        for (variant, count) in variants {
            assert_eq!(measured(operation, variant), count, "{operation} {variant}");
        }
    }
    let bytes = list("bytes");
    assert!(bytes.iter().all(|amount| amount["bytes"].is_number()));
    for what in ["prekey bundle", "state", "message of 64, overhead"] {
        assert!(bytes.iter().any(|amount| amount["what"] == what), "{what}");
    }
    assert!(!list("allocations").is_empty());
}

#[test]
fn a_client_with_other_conversations_goes_on_with_this_one() {
    for side in [0, 1] {
        let mut clients = Clients::talking();
        clients.befriend(side, 2);
        exchange(&mut clients, side, b"hello");
        exchange(&mut clients, 1 - side, b"hello");
    }
}
