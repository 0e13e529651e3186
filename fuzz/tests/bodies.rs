//! Every fuzz body on stable Rust: over its seeds, then over random bytes.
//!
//! `LARDER_FUZZ_ROUNDS` sets how many random inputs each body gets (default 300).

use std::path::Path;

use larder_fuzz::BODIES;

#[test]
fn every_body_holds_over_its_seeds_and_over_random_bytes() {
    let rounds = std::env::var("LARDER_FUZZ_ROUNDS").map_or(300, |n| n.parse().expect("a number"));
    for &(name, body) in BODIES {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let mut count = 0;
        for seed in std::fs::read_dir(&seeds).into_iter().flatten() {
            body(&std::fs::read(seed.expect("a readable folder").path()).expect("a readable seed"));
            count += 1;
        }
        // Fixed, so that a failure comes back; the body's name makes each stream its own.
        let mut rng = fastrand::Rng::with_seed(name.bytes().map(u64::from).sum());
        for round in 0..rounds {
            let mut bytes = vec![0; rng.usize(0..4096)];
            rng.fill(&mut bytes);
            // Half of the inputs come from a small alphabet: repeated steps, deep states.
            if round % 2 == 0 {
                bytes.iter_mut().for_each(|byte| *byte %= 8);
            }
            let run = std::panic::catch_unwind(|| body(&bytes));
            assert!(run.is_ok(), "{name}: round {round} broke a promise (see above)");
        }
        println!("{name}: {count} seeds, {rounds} random inputs");
    }
}

#[test]
fn every_body_has_its_target() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(here.join("Cargo.toml")).expect("a manifest");
    for (name, _) in BODIES {
        assert!(here.join(format!("fuzz_targets/{name}.rs")).exists(), "no target for {name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in Cargo.toml");
    }
}
