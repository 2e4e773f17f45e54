//! Any steps and any talk, against what should come of them.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use db_proxy::store::{Contact, ContactState, ContactStep, Inserted, MessagePolicy, UnixMillis};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::ids::UserId;

use crate::bed::{Bed, EVERYTHING, between, new_user, text};
use crate::contacts::{ask, step_at};
use crate::device::{Device, Manner};

use ContactState::{Asked, AsksMe, Friend};

#[derive(Clone, Debug)]
struct Move {
    by: usize,
    towards: usize,
    step: ContactStep,
    elsewhere: bool,
}

fn a_move() -> impl Strategy<Value = Move> {
    let step = prop_oneof![
        3 => Just(ask()),
        2 => Just(ContactStep::Accept),
        1 => Just(ContactStep::Refuse),
        1 => Just(ContactStep::Remove),
        1 => Just(ContactStep::Block),
        1 => Just(ContactStep::Unblock),
    ];
    let parts = (0..3usize, 1..3usize, step, any::<bool>());
    parts.prop_map(|(by, further, step, elsewhere)| Move {
        by,
        towards: (by + further) % 3,
        step,
        elsewhere,
    })
}

/// So many users of whom nobody has heard.
async fn newcomers(bed: &Bed, count: usize) -> Vec<UserId> {
    let name = |_| fastrand::u64(..).to_string();
    let new: Vec<_> = (0..count).map(name).map(|name| new_user(&name)).collect();
    let inserted = bed.store.insert_users(&new).await.unwrap();
    let created = inserted.iter().map(|inserted| match inserted {
        Inserted::Created(id) => *id,
        Inserted::NameTaken => panic!("the name is as good as unique"),
    });
    created.collect()
}

/// Whatever three users do at two stores, both sides of each two fit together, what was answered is what is stored, and
/// the two's conversation lets in whom it should.
async fn any_moves_leave_both_sides_consistent(bed: &Bed, moves: &[Move]) {
    let users = newcomers(bed, 3).await;
    let there = bed.database.open().await;
    let mut said: BTreeMap<(UserId, UserId), Contact> = BTreeMap::new();
    for one in moves {
        let store = if one.elsewhere { &there } else { &bed.store };
        let (user, other) = (users[one.by], users[one.towards]);
        if let Ok(sides) = step_at(&**store, user, other, one.step.clone()).await {
            said.insert((user, other), sides.own);
            said.insert((other, user), sides.other);
        }
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let (a, b) = (users[a], users[b]);
        let [own, other] = bed.states(a, b).await;
        assert_eq!(own == Friend, other == Friend);
        assert!(own != AsksMe || other == Asked);
        assert!(other != AsksMe || own == Asked);
        for (user, peer) in [(a, b), (b, a)] {
            let stored = bed.contacts(user).await;
            let stored = stored.into_iter().find(|contact| contact.other == peer);
            let told = said.get(&(user, peer)).cloned();
            assert_eq!(stored, told.filter(|told| told.changed_at > UnixMillis(0)));
            let may = bed.may_write(user, peer, MessagePolicy::Friends).await;
            assert_eq!(may, own == Friend);
        }
    }
}

/// Two write, block and read in any order: what each sees is what was not withheld from him, in every list.
async fn any_talk_is_seen_as_it_should(bed: &Bed, acts: &[Act]) {
    let users = newcomers(bed, 2).await;
    let talk = between(users[0], users[1]);
    let mut written: Vec<(UserId, bool)> = Vec::new();
    let mut blocks = [false; 2];
    let mut read = [0usize; 2];
    let mut device = Device::of(users[0]);
    for act in acts {
        match act {
            Act::Say(by) => {
                let batch: Vec<_> = by
                    .iter()
                    .map(|by| text(users[*by], users[1 - *by], "x"))
                    .collect();
                let outcomes = bed.append(&batch).await;
                for (by, outcome) in by.iter().zip(outcomes) {
                    assert_eq!(outcome.unwrap().withheld, blocks[1 - *by]);
                    written.push((users[*by], blocks[1 - *by]));
                }
            }
            Act::Block(by, blocked) => {
                let step = if *blocked {
                    ContactStep::Block
                } else {
                    ContactStep::Unblock
                };
                bed.step(users[*by], users[1 - *by], step).await.unwrap();
                blocks[*by] = *blocked;
            }
            Act::Read(by, up_to) => {
                bed.read(users[*by], users[1 - *by], *up_to).await;
                read[*by] = read[*by].max(written.len().min(*up_to as usize));
            }
            Act::Ask => {
                device.sync(bed, &Manner::small(3, 100, 2, 4)).await;
            }
        }
        for (user, read) in users.iter().zip(read) {
            let sees = |(_, (by, withheld)): &(usize, &(UserId, bool))| by == user || !withheld;
            let seen: Vec<u32> = written
                .iter()
                .enumerate()
                .filter(sees)
                .map(|(n, _)| n as u32 + 1)
                .collect();
            let history = bed
                .store
                .history(*user, talk, None, EVERYTHING)
                .await
                .unwrap();
            let history: Vec<u32> = history
                .iter()
                .rev()
                .map(|message| message.id.get())
                .collect();
            assert_eq!(history, seen);
            let latest = bed.store.latest_id(*user, talk).await.unwrap();
            assert_eq!(latest.map(|id| id.get()), seen.last().copied());
            let recent = bed.store.recent(*user, 0, EVERYTHING).await.unwrap();
            let shown: Vec<u32> = recent.iter().map(|entry| entry.latest.id.get()).collect();
            assert_eq!(shown, Vec::from_iter(seen.last().copied()));
            let behind = written.iter().skip(read);
            let unread = behind
                .filter(|(by, withheld)| by != user && !withheld)
                .count();
            assert_eq!(bed.unread_list(*user).await.total, unread as u64);
        }
    }
    device.sync(bed, &Manner::small(3, 100, 2, 4)).await;
    device.sync(bed, &Manner::usual()).await;
    let sees = |(_, (by, withheld)): &(usize, &(UserId, bool))| *by == users[0] || !withheld;
    let seen = written
        .iter()
        .enumerate()
        .filter(sees)
        .map(|(n, _)| n as u32 + 1);
    let shown = device
        .talks
        .get(&users[1].into())
        .cloned()
        .unwrap_or_default();
    assert!(
        shown.messages.keys().copied().eq(seen),
        "{:?}",
        shown.messages
    );
}

#[derive(Clone, Debug)]
enum Act {
    /// In one batch.
    Say(Vec<usize>),
    Block(usize, bool),
    Read(usize, u32),
    /// A device of the first one asks what changed.
    Ask,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => prop::collection::vec(0..2usize, 1..5).prop_map(Act::Say),
        2 => (0..2usize, any::<bool>()).prop_map(|(by, blocked)| Act::Block(by, blocked)),
        3 => (0..2usize, 1..20u32).prop_map(|(by, up_to)| Act::Read(by, up_to)),
        1 => Just(Act::Ask),
    ]
}

pub(crate) fn check(bed: impl Fn() -> Pin<Box<dyn Future<Output = Option<Bed>>>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let Some(bed) = runtime.block_on(bed()) else {
        return;
    };
    let mut runner = TestRunner::new(Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    });
    let moves = prop::collection::vec(a_move(), 1..25);
    runner
        .run(&moves, |moves| {
            runtime.block_on(any_moves_leave_both_sides_consistent(&bed, &moves));
            Ok(())
        })
        .unwrap();
    let acts = prop::collection::vec(act(), 1..20);
    runner
        .run(&acts, |acts| {
            runtime.block_on(any_talk_is_seen_as_it_should(&bed, &acts));
            Ok(())
        })
        .unwrap();
}
