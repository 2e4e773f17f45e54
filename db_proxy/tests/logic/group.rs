use std::sync::Arc;

use db_proxy::cache::MemoryGroups;
use db_proxy::logic::group::{Founding, GroupError, GroupLimits, Groups, Wish};
use db_proxy::store::{Direction, GroupKind, GroupRefusal, RequestKey, Store};
use proto::ids::{GroupId, UserId};

use crate::bed::{user, with_group};

const LIMITS: GroupLimits = GroupLimits {
    members: 5,
    per_user: 9,
    list_rows: 9,
    details_wanted: 4,
    details_bytes: 200,
};

fn founding(members: &[u32]) -> Founding {
    Founding {
        kind: GroupKind::Temporary,
        name: "name".to_owned(),
        avatar_url: String::new(),
        creator: UserId::new(1),
        members: members.to_vec(),
        request: None,
    }
}

fn wish(group_id: GroupId, actor: u32, direction: Direction, users: &[u32]) -> Wish {
    Wish {
        group_id,
        actor: UserId::new(actor),
        direction,
        users: users.to_vec(),
        request: None,
    }
}

async fn bed() -> (Groups, Arc<dyn Store>, GroupId, tempfile::TempDir) {
    let (store, group, folder) = with_group(9, 3).await;
    (
        Groups::new(store.clone(), Arc::new(MemoryGroups::default()), LIMITS),
        store,
        group,
        folder,
    )
}

#[tokio::test]
async fn users_named_twice_are_in_it_once() {
    let (groups, _, group, _folder) = bed().await;
    let created = groups.create(founding(&[3, 1, 3, 2, 1, 3])).await.unwrap();
    assert_eq!(created.members, [user(1), user(2), user(3)]);
    assert_eq!(created.version, 1);
    let join = wish(group, 2, Direction::Join, &[9, 4, 9, 1]);
    let joined = groups.change(join).await.unwrap();
    assert_eq!(joined.changed, [user(4), user(9)]);
}

#[tokio::test]
async fn what_is_no_group_is_not_made() {
    let (groups, store, _, _folder) = bed().await;
    let named = |name: &str| Founding {
        name: name.to_owned(),
        ..founding(&[1])
    };
    for bad in ["", " \t ", "a\nb", &"x".repeat(257)] {
        let refused = groups.create(named(bad)).await;
        assert!(matches!(refused, Err(GroupError::Name)), "{bad:?}");
    }
    assert!(groups.create(named(&"群".repeat(256))).await.is_ok());
    for bad in ["a\0", &"x".repeat(256)] {
        let avatar_url = bad.to_owned();
        let founding = Founding {
            avatar_url,
            ..founding(&[1])
        };
        let refused = groups.create(founding).await;
        assert!(matches!(refused, Err(GroupError::Avatar)), "{bad:?}");
    }
    let mut normal = founding(&[1]);
    normal.kind = GroupKind::Normal;
    let refused = groups.create(normal.clone()).await;
    assert!(matches!(refused, Err(GroupError::Kind)));
    normal.creator = None;
    assert!(groups.create(normal).await.is_ok());
    let listed = store.groups_of(user(1), None, 9).await.unwrap();
    assert_eq!(listed.len(), 3, "what was refused left no trace");
}

#[tokio::test]
async fn lists_of_users_have_a_length() {
    let (groups, _, group, _folder) = bed().await;
    let many: Vec<u32> = (1..=1_000_000).collect();
    let again = vec![2; 1_000_000];
    let refused = groups.create(founding(&many)).await;
    assert!(matches!(refused, Err(GroupError::TooMany { limit: 5 })));
    for direction in [Direction::Join, Direction::Leave] {
        let refused = groups.change(wish(group, 1, direction, &many)).await;
        assert!(matches!(refused, Err(GroupError::TooMany { limit: 5 })));
        let refused = groups.change(wish(group, 1, direction, &[])).await;
        assert!(matches!(refused, Err(GroupError::Empty)));
        let refused = groups.change(wish(group, 1, direction, &[4, 0])).await;
        let stranger = GroupError::Refused(GroupRefusal::NoSuchUser);
        assert_eq!(refused.unwrap_err().to_string(), stranger.to_string());
    }
    assert_eq!(
        groups.create(founding(&again)).await.unwrap().members,
        [user(2)]
    );
    let refused = groups.create(founding(&[])).await;
    assert!(matches!(refused, Err(GroupError::Empty)));
    let refused = groups.create(founding(&[1, 99])).await;
    assert!(matches!(
        refused,
        Err(GroupError::Refused(GroupRefusal::NoSuchUser))
    ));
    let refused = groups
        .change(wish(group, 1, Direction::Join, &[4, 5, 6]))
        .await;
    assert!(matches!(
        refused,
        Err(GroupError::Refused(GroupRefusal::TooManyMembers))
    ));
}

#[tokio::test]
async fn a_request_made_again_is_carried_out_once() {
    let (groups, store, group, _folder) = bed().await;
    let mut made = founding(&[1]);
    made.request = RequestKey::of_creation(made.creator, b"k");
    let first = groups.create(made.clone()).await.unwrap();
    assert_eq!(groups.create(made).await.unwrap(), first);
    assert_eq!(store.groups_of(user(1), None, 9).await.unwrap().len(), 2);
    let mut join = wish(group, 1, Direction::Join, &[4]);
    join.request = RequestKey::of_change(join.actor, b"k");
    let first = groups.change(join.clone()).await.unwrap();
    assert_eq!(groups.change(join).await.unwrap(), first);
}

/// D-46: details are for members. D-13: they say what the asker muted.
#[tokio::test]
async fn details_come_in_the_order_asked_when_they_are_news() {
    let (groups, _, first, _folder) = bed().await;
    let second = groups.create(founding(&[1, 4])).await.unwrap().group_id;
    let (f, s) = (first.get(), second.get());
    groups.mute(user(1), second, true).await.unwrap();
    let ask = async |reader: u32, asked: &[(u32, u32)]| {
        let details = groups.details(UserId::new(reader), asked).await.unwrap();
        let groups = details.groups.into_iter();
        let groups = groups.map(|(group, members)| (group.id.get(), group.muted, members.members));
        groups.collect::<Vec<_>>()
    };
    let all = [(s, 0), (99, 0), (0, 0), (f, 0), (s, 0)];
    let whole = |muted| {
        let (first, second) = (vec![user(1), user(2), user(3)], vec![user(1), user(4)]);
        vec![(s, muted, second), (f, false, first)]
    };
    assert_eq!(ask(1, &all[..4]).await, whole(true));
    assert_eq!(ask(0, &all[..4]).await, whole(false), "the system");
    assert_eq!(ask(4, &all[..4]).await, whole(false)[..1]);
    assert!(ask(9, &all[..4]).await.is_empty());
    assert!(ask(1, &[(f, 1), (s, 7)]).await.is_empty(), "known already");
    let join = wish(first, 1, Direction::Join, &[9]);
    groups.change(join).await.unwrap();
    let news = ask(1, &[(f, 1), (s, 1)]).await;
    assert_eq!(news[0].0, f);
    assert_eq!(news.len(), 1);
    assert_eq!(groups.members(first).await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn details_that_do_not_fit_are_gone_on_with() {
    let (groups, _, first, _folder) = bed().await;
    let mut asked = vec![(first.get(), 0)];
    for _ in 0..5 {
        let group = groups.create(founding(&[1, 2])).await.unwrap();
        asked.push((group.group_id.get(), 0));
    }
    let (mut from, mut met, mut pages) = (0, Vec::new(), 0);
    loop {
        let page = groups
            .details(UserId::new(1), &asked[from..])
            .await
            .unwrap();
        met.extend(page.groups.iter().map(|(group, _)| (group.id.get(), 0)));
        pages += 1;
        let Some(next) = page.next else { break };
        assert!(next > 0, "each page gets on");
        from += next;
    }
    assert_eq!(met, asked);
    assert_eq!(pages, 3, "two of them fit into a page");

    let unknown = vec![(99, 0); 9];
    let page = groups.details(UserId::new(1), &unknown).await.unwrap();
    assert_eq!((page.groups.len(), page.next), (0, Some(4)));
}
