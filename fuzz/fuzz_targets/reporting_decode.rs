//! Every decoder of `waxseal-reporting` on any bytes: no panic, and one encoding for each value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waxseal_reporting::{
    AcceptanceKey, AcceptedReport, Delivery, Envelope, Evidence, ModerationKeyPair,
    ModerationPublicKey, Receipt, Report, SentMessage, StampKeys,
};

fuzz_target!(|input: &[u8]| {
    let Some((&kind, bytes)) = input.split_first() else {
        return;
    };
    macro_rules! round_trip {
        ($decoded:expr, $value:ident => $encoded:expr) => {
            if let Ok($value) = $decoded {
                assert_eq!(&$encoded[..], bytes);
            }
        };
    }
    match kind % 10 {
        0 => round_trip!(Envelope::decode(bytes), envelope => envelope.encode()),
        1 => round_trip!(Delivery::decode(bytes), delivery => delivery.encode()),
        2 => round_trip!(Receipt::decode(bytes), receipt => receipt.encode()),
        3 => round_trip!(Report::decode(bytes), report => report.encode()),
        4 => round_trip!(Evidence::decode(bytes), evidence => evidence.encode()),
        5 => round_trip!(SentMessage::decode(bytes), sent => sent.encode()),
        6 => round_trip!(ModerationPublicKey::decode(bytes), key => key.encode()),
        7 => round_trip!(ModerationKeyPair::import(bytes), key => key.export()),
        8 => round_trip!(StampKeys::import(bytes), keys => keys.export()),
        _ => {
            let key = AcceptanceKey::from_bytes([0; 32]);
            round_trip!(AcceptedReport::decode(bytes, &key), report => report.encode(&key));
        }
    }
});
