//! Many seeds, each in a process of its own.
//!
//! `FERROTALK_SIM_SEEDS=1000..2000` runs those instead of the usual ones.

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What runs without being asked: less than a minute on two processors, without optimisation.
const USUAL: Range<u64> = 1..201;

fn simulate(seed: u64, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulation"))
        .arg(seed.to_string())
        .args(arguments)
        .env_remove("RUST_LOG")
        .output()
        .expect("the program was built")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("FERROTALK_SIM_SEEDS") else {
        return USUAL;
    };
    let range = asked
        .split_once("..")
        .and_then(|(from, to)| Some(from.trim().parse().ok()?..to.trim().parse().ok()?));
    let range = range.filter(|range| !range.is_empty());
    range.unwrap_or_else(|| panic!("FERROTALK_SIM_SEEDS={asked}: write it as 1..201"))
}

#[test]
fn what_has_to_hold_holds_after_every_seeds_faults() {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(BTreeMap::new());
    let gaps = Mutex::new(BTreeMap::<String, Vec<u64>>::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                return;
            }
            let output = simulate(seed, &[]);
            let text = text(&output);
            for gap in text
                .lines()
                .filter_map(|line| line.strip_prefix("known gap: "))
            {
                let property = gap.split(':').next().unwrap_or(gap).to_owned();
                let mut gaps = gaps.lock().unwrap();
                let of_property = gaps.entry(property).or_default();
                if of_property.last() != Some(&seed) {
                    of_property.push(seed);
                }
            }
            if !output.status.success() {
                failed.lock().unwrap().insert(seed, text);
            }
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| {
            scope.spawn(work);
        });
    });
    for (property, mut seeds) in gaps.into_inner().unwrap() {
        seeds.sort_unstable();
        println!("known gap {property}: {} seeds, {seeds:?}", seeds.len());
    }
    let failed = failed.into_inner().unwrap();
    if let Some((seed, text)) = failed.first_key_value() {
        println!("{text}");
        let others: Vec<_> = failed.keys().collect();
        panic!("seed {seed} failed, see above; all that failed: {others:?}");
    }
}

#[test]
fn a_seed_gives_the_same_run_every_time() {
    for seed in [7, 9, 12] {
        let first = text(&simulate(seed, &["--log"]));
        assert!(first.lines().count() > 100, "a run has events: {first}");
        assert!(first.contains("acked"), "and messages: {first}");
        assert_eq!(first, text(&simulate(seed, &["--log"])), "seed {seed}");
    }
    let (one, other) = (simulate(7, &["--log"]), simulate(8, &["--log"]));
    assert_ne!(one.stdout, other.stdout);
}
