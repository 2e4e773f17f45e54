//! Chance that can be repeated.
//!
//! Hash tables of the standard library, the choice between ready branches in tokio and the generators of several crates
//! all begin with what the system's `getrandom` gives. The standard library looks the function up by name so that a
//! program may put another one in its place. This one gives the same numbers for the same seed. What is not asked of it is
//! made the same as well: fastrand's generator, ahash's counter, which begins with an address, and the number of processors,
//! by which dashmap divides its tables.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use ahash::random_state::{RandomSource, set_random_source};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Makes everything follow from a seed. To be called once and first of all, in the thread that runs everything.
pub(crate) fn seed(seed: u64) {
    STATE.set(seed);
    fastrand::seed(seed);
    let counter = Counter(AtomicUsize::new(seed as usize));
    set_random_source(counter).expect("nothing was hashed before");
    stay_on_one_processor(seed);
}

/// So that a machine with many processors repeats what one with few has found. Where that is not allowed, runs repeat on
/// machines of the same kind only.
fn stay_on_one_processor(seed: u64) {
    let Ok(allowed) = sched_getaffinity(None) else {
        return;
    };
    let processors: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|at| allowed.is_set(*at))
        .collect();
    let mut one = CpuSet::new();
    // Seeds that follow each other run at the same time.
    one.set(processors[seed as usize % processors.len()]);
    let _not_allowed = sched_setaffinity(None, &one);
}

struct Counter(AtomicUsize);

impl RandomSource for Counter {
    fn gen_hasher_seed(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// The next number of Vigna's splitmix64.
fn next() -> u64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// In place of the C library's function of that name: fills the buffer and returns its length.
#[expect(
    unsafe_code,
    reason = "the only way to put another function in the place of one of the C library"
)]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    for at in 0..length {
        // SAFETY: as for the function it stands for, the caller hands over `length` bytes to write to.
        unsafe { buffer.add(at).write(next() as u8) };
    }
    length as isize
}
