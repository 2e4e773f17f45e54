//! The choice among msg_servers, without sockets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use login_server::directory::{Directory, MsgServer, Nobody, NotAnnounced, Registration};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::support::address;

/// Registers a msg_server with this port.
fn register(directory: &Arc<Directory>, port: u16, load: u32, capacity: u32) -> Registration {
    let registration = Registration::new(directory.clone());
    registration.announce(MsgServer {
        address: address(port),
        capacity,
        load,
    });
    registration
}

/// Hands out so often and counts who got how many.
fn hand_out(directory: &Directory, times: usize, now: Instant) -> HashMap<u16, usize> {
    let mut counts = HashMap::new();
    for _ in 0..times {
        let port = directory.hand_out(now).unwrap().port;
        *counts.entry(port).or_default() += 1;
    }
    counts
}

#[test]
fn a_client_that_does_not_show_up_counts_for_fifteen_seconds() {
    let directory = Arc::new(Directory::default());
    let _server = register(&directory, 1, 0, 1);
    let start = Instant::now();
    assert_eq!(directory.hand_out(start), Ok(address(1)));
    let almost = start + Duration::from_millis(14_999);
    assert_eq!(directory.hand_out(almost), Err(Nobody::Free));
    let after = start + Duration::from_secs(15);
    assert_eq!(directory.hand_out(after), Ok(address(1)));
}

#[test]
fn a_client_that_shows_up_counts_once() {
    let directory = Arc::new(Directory::default());
    let server = register(&directory, 1, 0, 3);
    let now = Instant::now();
    for _ in 0..3 {
        assert!(directory.hand_out(now).is_ok());
        server.client_came().unwrap();
    }
    assert_eq!(directory.hand_out(now), Err(Nobody::Free));
    server.client_went().unwrap();
    assert!(directory.hand_out(now).is_ok());
}

#[test]
fn clients_on_their_way_survive_an_announcement() {
    let directory = Arc::new(Directory::default());
    let server = register(&directory, 1, 0, 2);
    let now = Instant::now();
    assert!(directory.hand_out(now).is_ok());
    server.announce(MsgServer {
        address: address(1),
        capacity: 2,
        load: 1,
    });
    assert_eq!(directory.hand_out(now), Err(Nobody::Free));
}

#[test]
fn a_place_without_an_announcement_is_no_server() {
    let directory = Arc::new(Directory::default());
    let place = Registration::new(directory.clone());
    assert_eq!(place.client_came(), Err(NotAnnounced));
    assert_eq!(place.client_went(), Err(NotAnnounced));
    assert_eq!(directory.hand_out(Instant::now()), Err(Nobody::Registered));
}

#[test]
fn the_largest_numbers_do_no_harm() {
    let directory = Arc::new(Directory::default());
    let full = register(&directory, 1, u32::MAX, u32::MAX);
    full.client_came().unwrap();
    assert_eq!(directory.hand_out(Instant::now()), Err(Nobody::Free));
    let _almost = register(&directory, 2, u32::MAX - 1, u32::MAX);
    assert_eq!(directory.hand_out(Instant::now()), Ok(address(2)));
    assert_eq!(directory.hand_out(Instant::now()), Err(Nobody::Free));
}

proptest! {
    #[test]
    fn equal_servers_get_equal_shares(servers in 1u16..12, times in 0usize..300, load in 0u32..50) {
        let directory = Arc::new(Directory::default());
        let _all: Vec<_> = (1..=servers).map(|port| register(&directory, port, load, 1000)).collect();
        let counts = hand_out(&directory, times, Instant::now());
        let share = times / usize::from(servers);
        for port in 1..=servers {
            let got = counts.get(&port).copied().unwrap_or(0);
            prop_assert!(got == share || got == share + 1, "{counts:?}");
        }
    }

    #[test]
    fn unequal_servers_fill_to_the_same_degree(
        capacities in proptest::collection::vec(1u32..200, 1..8),
        part in 0.0f64..1.0,
    ) {
        let directory = Arc::new(Directory::default());
        let all: Vec<_> = (1..).zip(&capacities).map(|(port, capacity)| register(&directory, port, 0, *capacity)).collect();
        let total: u32 = capacities.iter().sum();
        let times = (f64::from(total) * part) as usize;
        let counts = hand_out(&directory, times, Instant::now());
        for (port, capacity) in (1..).zip(&capacities) {
            let got = counts.get(&port).copied().unwrap_or(0) as f64;
            let fair = f64::from(*capacity) * times as f64 / f64::from(total);
            prop_assert!((got - fair).abs() <= all.len() as f64, "{got} of {capacity}, fair is {fair}");
        }
    }

    #[test]
    fn nobody_is_overfilled_and_no_count_goes_astray(
        capacities in proptest::collection::vec(0u32..6, 1..5),
        steps in proptest::collection::vec((0u8..3, 0usize..5), 0..200),
    ) {
        let directory = Arc::new(Directory::default());
        let all: Vec<_> = (1..).zip(&capacities).map(|(port, capacity)| register(&directory, port, 0, *capacity)).collect();
        let now = Instant::now();
        // Per server: load, and clients on their way.
        let mut model = vec![(0u32, 0u32); all.len()];
        for (step, index) in steps {
            let index = index % all.len();
            match step {
                0 => match directory.hand_out(now) {
                    Ok(address) => {
                        let chosen = usize::from(address.port) - 1;
                        let (load, coming) = model[chosen];
                        prop_assert!(load + coming < capacities[chosen]);
                        model[chosen].1 += 1;
                    }
                    Err(nobody) => {
                        prop_assert_eq!(nobody, Nobody::Free);
                        let full = model.iter().zip(&capacities).all(|((load, coming), capacity)| load + coming >= *capacity);
                        prop_assert!(full);
                    }
                },
                1 => {
                    all[index].client_came().unwrap();
                    model[index] = (model[index].0 + 1, model[index].1.saturating_sub(1));
                }
                _ => {
                    all[index].client_went().unwrap();
                    model[index].0 = model[index].0.saturating_sub(1);
                }
            }
            let loads: Vec<u32> = directory.registered().iter().map(|server| server.load).collect();
            let wanted: Vec<u32> = model.iter().map(|(load, _)| *load).collect();
            prop_assert_eq!(loads, wanted);
        }
    }
}
