use std::path::Path;
use std::{env, fs};

use super::*;

/// The committed structs are what the contract generates. `WAXSEAL_REGENERATE=1` writes them.
#[test]
fn generated_structs_match_the_proto_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors =
        protox::compile(["core.proto"], [root.join("proto")]).expect("core.proto compiles");
    let out = env::temp_dir().join(format!("waxseal-core-proto-{}", std::process::id()));
    fs::create_dir_all(&out).expect("temporary folder");
    prost_build::Config::new()
        .out_dir(&out)
        .compile_fds(descriptors)
        .expect("prost-build");
    let generated = fs::read_to_string(out.join("waxseal.core.v1.rs")).expect("generated file");
    fs::remove_dir_all(&out).expect("temporary folder goes");
    let committed = root.join("src/wire/generated.rs");
    if env::var_os("WAXSEAL_REGENERATE").is_some() {
        fs::write(&committed, &generated).expect("write");
    }
    assert_eq!(
        fs::read_to_string(committed).expect("committed file"),
        generated
    );
}
