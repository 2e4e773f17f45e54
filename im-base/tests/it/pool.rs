//! Which link of several a key goes to.

use std::sync::Arc;

use im_base::net::listener;
use im_base::peer::{Link, Pool};
use im_base::shutdown::Shutdown;

use crate::support::{Dialled, Event};

const KEYS: u32 = 300;

fn picks(pool: &Pool) -> Vec<String> {
    (0..KEYS)
        .map(|key| pool.pick(key).unwrap().address().to_owned())
        .collect()
}

#[tokio::test]
async fn a_key_stays_with_its_link_and_moves_only_when_that_goes_down() {
    let shutdown = Shutdown::new();
    let mut dialled = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..3 {
        let mut link = Dialled::new(&shutdown).await;
        peers.push(link.accept().await);
        dialled.push(link);
    }
    let links: Vec<Arc<Link>> = dialled.iter().map(|dialled| dialled.link.clone()).collect();
    let pool = Pool::new(links.clone());
    let before = picks(&pool);
    assert_eq!(picks(&pool), before);
    for link in &links {
        let share = before.iter().filter(|pick| *pick == link.address()).count();
        assert!(
            share > KEYS as usize / 6,
            "{link:?} has {share} of {KEYS} keys"
        );
    }
    let turned: Vec<_> = links.iter().rev().cloned().collect();
    assert_eq!(
        picks(&Pool::new(turned)),
        before,
        "whatever the order of the links"
    );

    let lost = links[0].address().to_owned();
    let elsewhere = listener::bind("127.0.0.1:0").await.unwrap();
    drop(std::mem::replace(&mut dialled[0].listener, elsewhere));
    drop(peers.remove(0));
    assert_eq!(dialled[0].event().await, Event::Disconnected);
    let after = picks(&pool);
    assert!(!after.contains(&lost));
    for (before, after) in before.iter().zip(&after) {
        assert!(before == after || *before == lost, "only lost keys move");
    }

    dialled[0].listener = listener::bind(&lost).await.unwrap();
    let _peer = dialled[0].accept().await;
    assert_eq!(picks(&pool), before, "and come back with their link");
}

#[tokio::test]
async fn a_link_that_just_failed_can_be_passed_over() {
    let shutdown = Shutdown::new();
    let (mut one, mut other) = (Dialled::new(&shutdown).await, Dialled::new(&shutdown).await);
    let _peers = (one.accept().await, other.accept().await);
    let pool = Pool::new(vec![one.link.clone(), other.link.clone()]);
    for key in 0..KEYS {
        let first = pool.pick(key).unwrap();
        let second = pool.pick_except(key, Some(first)).unwrap();
        assert!(!Arc::ptr_eq(first, second));
    }
    let alone = Pool::new(vec![one.link.clone()]);
    assert!(alone.pick_except(1, Some(&one.link)).is_none());
}

#[test]
fn an_empty_pool_has_no_link() {
    assert!(Pool::default().pick(1).is_none());
    assert!(!Pool::default().is_up());
}
