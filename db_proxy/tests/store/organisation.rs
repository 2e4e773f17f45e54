use db_proxy::store::{
    Counterpart, Department, DepartmentId, Device, MAX_DEVICES, NewDepartment, ProfileChange,
    UnixMillis, User, UserStatus,
};
use proto::device::DeviceType;
use proto::ids::UserId;

use crate::bed::{Bed, EVERYTHING, text};

fn department(name: &str, parent: DepartmentId) -> NewDepartment {
    NewDepartment {
        name: name.to_owned(),
        parent,
        priority: u32::MAX,
    }
}

pub(crate) async fn departments_are_kept_when_removed(bed: Bed) {
    let add = async |name, parent| {
        let new = department(name, parent);
        bed.store.insert_department(&new).await.unwrap()
    };
    let sales = add("Sales", DepartmentId(0)).await;
    let north = add("北", sales).await;
    let since = async |millis| {
        let since = UnixMillis(millis);
        let found = bed.store.departments_changed_since(since, 9).await;
        found.unwrap()
    };
    let all = since(0).await;
    let seen: Vec<_> = all.iter().map(|found| (found.id, found.parent)).collect();
    assert_eq!(seen, [(sales, DepartmentId(0)), (north, sales)]);
    assert_eq!((all[1].name.as_str(), all[1].priority), ("北", u32::MAX));
    assert!(all.iter().all(|found| !found.removed));

    assert!(bed.store.remove_department(north).await.unwrap());
    assert!(!bed.store.remove_department(north).await.unwrap());
    assert!(!bed.store.remove_department(DepartmentId(99)).await.unwrap());
    let removed: Vec<Department> = since(0).await;
    assert_eq!((removed[1].id, removed[1].removed), (north, true));
    assert_eq!(
        bed.store
            .departments_changed_since(UnixMillis(0), 1)
            .await
            .unwrap()
            .len(),
        1
    );
}

/// D-14, for departments: of two changes in one second the later one is seen by whoever saw the first.
pub(crate) async fn departments_repeat_the_moment_asked_with(bed: Bed) {
    for name in ["a", "b", "c"] {
        let new = department(name, DepartmentId(0));
        bed.store.insert_department(&new).await.unwrap();
    }
    bed.database
        .execute("UPDATE departments SET updated_at_ms = CASE id WHEN 1 THEN 6999 ELSE 7000 END")
        .await;
    let count = async |seconds| {
        let since = UnixMillis::from_seconds(seconds);
        let found = bed.store.departments_changed_since(since, 9).await;
        found.unwrap().len()
    };
    assert_eq!([count(6).await, count(7).await, count(8).await], [3, 2, 0]);
}

/// D-14: a change comes behind every page that was handed out, even if whoever made the last one had a clock that is
/// ahead, or this one was set back.
pub(crate) async fn a_change_is_behind_every_page(bed: Bed) {
    let [a, b] = bed.users().await;
    let other = bed.database.open().await;
    bed.database
        .execute("UPDATE users SET updated_at_ms = updated_at_ms + 3600000 WHERE id = 2")
        .await;
    let change = ProfileChange::default();
    for store in [&bed.store, &other] {
        for changing in [a, b, a] {
            let all = store.users_changed_since(None, None, 9).await.unwrap();
            let end = all.last().map(User::cursor);
            store.change_profile(changing, &change).await.unwrap();
            let more = bed.store.users_changed_since(None, end, 9).await.unwrap();
            assert_eq!(
                more.iter().map(|user| user.id).collect::<Vec<_>>(),
                [changing]
            );
        }
    }

    let add = async |name| {
        let new = department(name, DepartmentId(0));
        bed.store.insert_department(&new).await.unwrap()
    };
    let first = add("first").await;
    bed.database
        .execute("UPDATE departments SET updated_at_ms = updated_at_ms + 7200000")
        .await;
    let second = add("second").await;
    assert!(bed.store.remove_department(first).await.unwrap());
    let all = bed.store.departments_changed_since(UnixMillis(0), 9).await;
    let order: Vec<_> = all.unwrap().iter().map(|found| found.id).collect();
    assert_eq!(order, [second, first]);
}

/// D-14: a clock that is set back while nobody runs hides nothing from those who ask for what is new.
pub(crate) async fn a_clock_set_back_over_a_restart_hides_nothing(mut bed: Bed) {
    let [a, b, c] = bed.users().await;
    bed.say(a, b, &["1"]).await;
    bed.database
        .execute("UPDATE conversations SET last_message_at_ms = last_message_at_ms + 3600000")
        .await;
    bed.reopen().await;
    let listed = bed.store.recent(a, 0, EVERYTHING).await.unwrap();
    let since = listed[0].last_active_at.seconds();
    bed.say(c, a, &["2"]).await;
    assert_eq!(bed.recent(a, since).await, [c, b]);
}

/// D-14: whatever of a profile changes, whoever asks for changes sees it, in the same second too. D-95: a change to the
/// same value is none the less done.
pub(crate) async fn every_change_of_a_profile_is_seen(bed: Bed) {
    let [a, b] = bed.users().await;
    let changes = [
        ProfileChange {
            gender: Some(2),
            ..ProfileChange::default()
        },
        ProfileChange {
            nick_name: Some("nick".into()),
            ..ProfileChange::default()
        },
        ProfileChange {
            avatar_url: Some("url".into()),
            ..ProfileChange::default()
        },
        ProfileChange {
            department_id: Some(u32::MAX),
            ..ProfileChange::default()
        },
        ProfileChange {
            email: Some("e".into()),
            ..ProfileChange::default()
        },
        ProfileChange {
            tel: Some("t".into()),
            ..ProfileChange::default()
        },
        ProfileChange {
            status: Some(UserStatus::LEFT),
            ..ProfileChange::default()
        },
        ProfileChange {
            sign_info: Some("签名".into()),
            ..ProfileChange::default()
        },
        ProfileChange {
            sign_info: Some("签名".into()),
            ..ProfileChange::default()
        },
    ];
    for change in changes {
        let before = bed.store.users(&[b]).await.unwrap()[0].updated_at;
        let changed = bed.store.change_profile(a, &change).await.unwrap().unwrap();
        let since = Some(UnixMillis::from_seconds(before.seconds()));
        let page = bed.store.users_changed_since(since, None, 9).await.unwrap();
        assert!(page.contains(&changed), "{change:?}");
        bed.store.change_profile(b, &change).await.unwrap();
    }
    let changed = bed.store.users(&[a]).await.unwrap().remove(0).profile;
    assert_eq!((changed.name.as_str(), changed.gender), ("user1", 2));
    assert_eq!(
        (changed.nick_name.as_str(), changed.tel.as_str()),
        ("nick", "t")
    );
    assert_eq!(
        (changed.avatar_url.as_str(), changed.email.as_str()),
        ("url", "e")
    );
    assert_eq!(
        (changed.department_id, changed.status),
        (u32::MAX, UserStatus::LEFT)
    );
    assert_eq!(changed.sign_info, "签名");
    let nobody = UserId::new(99).unwrap();
    let nothing = ProfileChange::default();
    let changed = bed.store.change_profile(nobody, &nothing).await;
    assert_eq!(changed.unwrap(), None);
}

fn phone(raw: i32) -> DeviceType {
    DeviceType::parse(raw).unwrap()
}

fn device(user: UserId, raw: i32, token: &str) -> Device {
    Device {
        user,
        device_type: phone(raw),
        token: token.to_owned(),
    }
}

/// D-27, D-98: a token belongs to whoever registered it last, and to nobody else.
pub(crate) async fn a_token_has_one_owner(bed: Bed) {
    let [a, b] = bed.users().await;
    let register = async |device: &Device| bed.store.register_device(device).await.unwrap();
    assert!(register(&device(a, 0x11, "t")).await);
    assert!(register(&device(a, 0x12, "t")).await);
    assert!(register(&device(b, 0x11, "t")).await);
    let all = bed.store.devices(&[a, b]).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(
        bed.store.devices(&[a]).await.unwrap(),
        [device(a, 0x12, "t")]
    );
    assert_eq!(
        bed.store.devices(&[b]).await.unwrap(),
        [device(b, 0x11, "t")]
    );
    assert!(!register(&device(UserId::new(99).unwrap(), 0x11, "t")).await);
    assert_eq!(bed.store.devices(&[b]).await.unwrap().len(), 1);

    bed.store.forget_devices(b, &[phone(0x12)]).await.unwrap();
    bed.store
        .forget_devices(a, &[phone(0x11), phone(0x12)])
        .await
        .unwrap();
    assert_eq!(
        bed.store.devices(&[a, b]).await.unwrap(),
        [device(b, 0x11, "t")]
    );
}

pub(crate) async fn the_oldest_of_too_many_tokens_goes(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.store
        .register_device(&device(b, 0x11, "b"))
        .await
        .unwrap();
    let names: Vec<String> = (0..MAX_DEVICES + 2).map(|n| n.to_string()).collect();
    for token in names.iter().chain([&names[3]]) {
        let device = device(a, 0x11, token);
        bed.store.register_device(&device).await.unwrap();
    }
    let kept = bed.store.devices(&[a]).await.unwrap();
    let kept: Vec<_> = kept.iter().map(|kept| kept.token.as_str()).collect();
    assert_eq!(kept, ["3", "9", "8", "7", "6", "5", "4", "2"]);
    assert_eq!(bed.store.devices(&[b]).await.unwrap().len(), 1);
}

pub(crate) async fn the_night_shield_is_kept(mut bed: Bed) {
    let [a, b] = bed.users().await;
    let nobody = UserId::new(99).unwrap();
    assert_eq!(bed.store.push_shield(a).await.unwrap(), Some(false));
    for _ in 0..2 {
        assert!(bed.store.set_push_shield(a, true).await.unwrap());
    }
    bed.reopen().await;
    assert_eq!(bed.store.push_shield(a).await.unwrap(), Some(true));
    assert_eq!(bed.store.push_shield(b).await.unwrap(), Some(false));
    assert!(bed.store.set_push_shield(a, false).await.unwrap());
    assert_eq!(bed.store.push_shield(a).await.unwrap(), Some(false));
    assert_eq!(bed.store.push_shield(nobody).await.unwrap(), None);
    assert!(!bed.store.set_push_shield(nobody, true).await.unwrap());
}

pub(crate) async fn peers_come_latest_first(bed: Bed) {
    let [a, b, c, d] = bed.users().await;
    let group = bed.group(&[a, d]).await;
    bed.say_to(group, d, &["x"]).await;
    bed.append(&[text(a, b, "x"), text(c, a, "x"), text(c, d, "x")])
        .await;
    bed.long_ago().await;
    bed.append(&[text(b, a, "x")]).await;
    assert!(bed.hide(a, b).await);
    let peers = async |users: &[UserId], limit| bed.store.peers(users, limit).await.unwrap();
    assert_eq!(peers(&[a], 9).await, [[b, c]]);
    assert_eq!(peers(&[d, a, d], 1).await, [[c], [b], [c]]);
    assert_eq!(peers(&[], 9).await, Vec::<Vec<UserId>>::new());
    let recent = bed.store.recent(d, 0, EVERYTHING).await.unwrap();
    assert!(
        recent
            .iter()
            .any(|entry| entry.with == Counterpart::Group(group))
    );
}
