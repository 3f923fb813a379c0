//! Names that look like those of others.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use waxseal_interface::ErrorCode;
use world::{Device, World, code};

#[test]
fn a_name_that_looks_like_a_registered_one_is_refused_and_the_owner_signs_in() {
    let world = World::new();
    let mut owner = world.device("Paypal");
    for name in ["paypa1", "PAYPAI", "paypal", "pAypal"] {
        let refused = Device::new(name, world.client()).register();
        assert_eq!(code(refused), ErrorCode::AccountTaken, "{name}");
    }
    for name in ["modern.", "a..b", "a-_b"] {
        let refused = Device::new(name, world.client()).register();
        assert_eq!(code(refused), ErrorCode::BadName, "{name}");
    }
    owner.register().unwrap();
    world.device("paypal-2");
}
