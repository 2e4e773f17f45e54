use proptest::prelude::*;

use super::*;

fn ask(greeting: &str) -> ContactStep {
    ContactStep::Ask {
        greeting: greeting.to_owned(),
    }
}

fn step() -> impl Strategy<Value = ContactStep> {
    prop_oneof![
        2 => Just(ask("hello")),
        1 => Just(ContactStep::Accept),
        1 => Just(ContactStep::Refuse),
        1 => Just(ContactStep::Remove),
        1 => Just(ContactStep::Block),
        1 => Just(ContactStep::Unblock),
    ]
}

fn wish(user: u32, other: u32) -> ContactWish {
    ContactWish {
        user: UserId::new(user).unwrap(),
        other: UserId::new(other).unwrap(),
        step: ContactStep::Remove,
        most: 9,
    }
}

fn turned(relation: &Relation) -> Relation {
    Relation::new(relation.other.clone(), relation.own.clone())
}

/// What always holds of two users.
fn check(relation: &Relation) -> Result<(), TestCaseError> {
    use ContactState::{Asked, AsksMe, Friend, Nothing};

    let (own, other) = (&relation.own, &relation.other);
    for (one, two) in [(own, other), (other, own)] {
        prop_assert_eq!(one.state == Friend, two.state == Friend);
        prop_assert!(one.state != AsksMe || two.state == Asked);
        prop_assert!(one.state != Asked || matches!(two.state, AsksMe | Nothing));
        prop_assert!(!one.blocked || one.state == Nothing);
        prop_assert!(matches!(one.state, Asked | AsksMe) || one.greeting.is_empty());
        prop_assert!(one.changed_at.is_some() || *one == Side::default());
    }
    let flags = relation.flags(&wish(1, 2));
    prop_assert_eq!(flags, turned(relation).flags(&wish(2, 1)));
    prop_assert_eq!(flags.are_friends(), own.state == Friend);
    prop_assert_eq!(
        flags.blocks(true),
        other.blocked,
        "the lower one is blocked"
    );
    prop_assert_eq!(flags.blocks(false), own.blocked);
    Ok(())
}

proptest! {
    /// Whatever two users do, and in whichever order, both sides fit together; what is done twice is done once; and
    /// nobody's stamps go back.
    #[test]
    fn any_steps_leave_both_sides_consistent(steps in prop::collection::vec((any::<bool>(), step(), 0i64..3), 1..40)) {
        let mut relation = Relation::new(Side::default(), Side::default());
        let mut now = 1_000;
        for (by_other, step, later) in steps {
            now += later - 1;
            if by_other {
                relation = turned(&relation);
            }
            if let Ok((after, _)) = relation.after(&step) {
                let after = after.stamped(&relation, UnixMillis(now));
                for (before, after) in relation.sides().into_iter().zip(after.sides()) {
                    prop_assert_eq!(before == after, before.changed_at == after.changed_at);
                    prop_assert!(before.changed_at <= after.changed_at);
                }
                check(&after)?;
                let again = after.after(&step);
                if step == ContactStep::Refuse {
                    prop_assert!(again.is_ok());
                }
                if let Ok((again, room)) = again {
                    prop_assert_eq!(&again, &after, "{:?} twice", step);
                    prop_assert_eq!(room, Room { kept: false, asking: false });
                }
                relation = after;
            }
            if by_other {
                relation = turned(&relation);
            }
            check(&relation)?;
        }
    }

    /// Nothing that the blocked one is answered or shown tells him from somebody who is never answered: it is the same
    /// with somebody who does not react.
    #[test]
    fn who_is_blocked_sees_what_a_stranger_sees_who_is_never_answered(steps in prop::collection::vec(step(), 1..20)) {
        let stranger = Relation::new(Side::default(), Side::default());
        let blocking = Side {
            blocked: true,
            changed_at: Some(UnixMillis(1)),
            ..Side::default()
        };
        let mut blocked = Relation::new(Side::default(), blocking.clone());
        let mut ignored = stranger;
        for (step, now) in steps.into_iter().zip(2..) {
            let now = UnixMillis(now);
            let take = |relation: &mut Relation| {
                let (after, room) = relation.after(&step)?;
                let after = after.stamped(relation, now);
                let told = after.told(relation, &wish(1, 2), now);
                *relation = after;
                Ok::<_, ContactRefusal>((told.own, told.own_is_news, room))
            };
            prop_assert_eq!(take(&mut blocked), take(&mut ignored), "{:?}", step);
            prop_assert_eq!(&blocked.other, &blocking, "and the one who blocks sees nothing");
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let strangers = Relation::new(Side::default(), Side::default());
    let refusal = |relation: &Relation, step: &ContactStep| relation.after(step).err();
    let no_request = Some(ContactRefusal::NoSuchRequest);
    assert_eq!(refusal(&strangers, &ContactStep::Accept), no_request);
    assert_eq!(refusal(&strangers, &ContactStep::Refuse), no_request);
    let (asked, _) = strangers.after(&ask("hello")).unwrap();
    assert_eq!(refusal(&asked, &ContactStep::Accept), no_request);
    assert_eq!(refusal(&asked, &ContactStep::Refuse), no_request);
    let (friends, _) = turned(&asked).after(&ContactStep::Accept).unwrap();
    assert_eq!(refusal(&friends, &ContactStep::Refuse), no_request);
    let (blocks, _) = strangers.after(&ContactStep::Block).unwrap();
    assert_eq!(refusal(&blocks, &ask("")), Some(ContactRefusal::Blocks));
}

#[test]
fn a_step_that_nobody_heard_the_end_of_is_told_of_again_for_a_while() {
    let before = Relation::new(Side::default(), Side::default());
    let (after, _) = before.after(&ask("hello")).unwrap();
    let now = UnixMillis(100_000);
    let after = after.stamped(&before, now);
    let wish = wish(1, 2);
    assert!(after.told(&before, &wish, now).other_is_news);
    for (later, told) in [(9_999, true), (10_000, false)] {
        let sides = after.told(&after, &wish, UnixMillis(now.0 + later));
        assert_eq!((sides.own_is_news, sides.other_is_news), (told, told));
    }
}

/// Who is blocked asks; what the one who blocks him does a moment later, and does again, is no news to him.
#[test]
fn nobody_hears_when_the_one_who_blocks_him_does_something() {
    let strangers = Relation::new(Side::default(), Side::default());
    let step = |relation: &Relation, step: ContactStep, at: i64| {
        let now = UnixMillis(100_000 + at);
        let (after, _) = relation.after(&step).unwrap();
        let after = after.stamped(relation, now);
        let told = after.told(relation, &wish(1, 2), now);
        (after, told.other_is_news)
    };
    let (blocks, _) = step(&strangers, ContactStep::Block, 0);
    let (asked, told) = step(&turned(&blocks), ask("please"), 1);
    assert!(!told);
    let mut relation = turned(&asked);
    for (at, next) in (2..).zip([
        ContactStep::Block,
        ContactStep::Unblock,
        ContactStep::Unblock,
        ContactStep::Remove,
        ContactStep::Block,
    ]) {
        let is_block = next == ContactStep::Block;
        let (after, told) = step(&relation, next, at);
        // only an end of his request is
        assert_eq!(told, is_block && at > 2);
        relation = after;
    }
    let (_, told) = step(&relation, ContactStep::Block, 7);
    assert!(told, "taken again at once");
}
