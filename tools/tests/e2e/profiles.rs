//! What a user changes about himself, and who hears of it; departments and push settings.

use db_proxy::store::{self, DepartmentId, NewDepartment};
use proto::im::base_define::{DepartmentStatusType, UserInfo};
use proto::im::buddy::{
    ImAvatarChangedNotify, ImChangeAvatarReq, ImChangeSignInfoReq, ImDepartmentReq, ImDepartmentRsp,
};
use proto::im::login::{
    ImDeviceTokenReq, ImPushShieldReq, ImPushShieldRsp, ImQueryPushShieldReq, ImQueryPushShieldRsp,
};
use tools::client::{Device, Event};

use crate::person::Person;
use crate::world::World;

impl Person {
    async fn signs(&self, text: &str) -> u32 {
        let request = ImChangeSignInfoReq {
            sign_info: text.to_owned(),
            ..Default::default()
        };
        let answer = self.request(request).await.unwrap();
        assert_eq!(answer.user_id, self.id());
        answer.result_code
    }

    async fn looks_like(&self, url: &str) -> u32 {
        let request = ImChangeAvatarReq {
            avatar_url: url.to_owned(),
            ..Default::default()
        };
        self.request(request).await.unwrap().result_code
    }

    async fn signature(&mut self) -> (u32, String) {
        self.sees("a signature", |event| match event {
            Event::Signature(notice) => Some((notice.changed_user_id, notice.sign_info)),
            _ => None,
        })
        .await
    }

    async fn profile_of(&self, user: u32) -> UserInfo {
        let mut found = self.users_info(vec![user]).await.unwrap();
        found.remove(0)
    }
}

/// D-10: a change of the avatar is answered, stored and told. D-14: and seen by whoever asks what has changed.
#[tokio::test]
async fn a_new_face_and_a_new_signature_are_seen_by_everybody() {
    let world = World::usual(3).await;
    let mut ann = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut anns_phone = Person::at(&world.msg(1), "demo1", Device::Ios).await;
    let mut bob = Person::at(&world.msg(1), "demo2", Device::Android).await;
    let mut cat = Person::at(&world.msg(0), "demo3", Device::Mac).await;
    let ann_id = ann.id();
    let before = bob.all_users(0).await.unwrap().latest_update_time;

    assert_eq!(ann.signs("on holiday").await, 0);
    assert_eq!(ann.signs("on holiday").await, 0, "twice is no failure");
    for person in [&mut ann, &mut anns_phone, &mut bob, &mut cat] {
        let told = (ann_id, "on holiday".to_owned());
        assert_eq!(person.signature().await, told);
    }
    assert_eq!(ann.looks_like("https://example.org/a.png").await, 0);
    for person in [&mut ann, &mut anns_phone, &mut bob, &mut cat] {
        let notice: ImAvatarChangedNotify = person.is_sent().await;
        assert_eq!(notice.avatar_url, "https://example.org/a.png");
        assert!(notice.audience.is_empty() && notice.by_contact.is_none());
    }
    let seen = bob.profile_of(ann.id()).await;
    assert_eq!(seen.avatar_url, "https://example.org/a.png");
    assert_eq!(seen.sign_info.as_deref(), Some("on holiday"));

    let changed = bob.all_users(before).await.unwrap();
    let of_ann: Vec<_> = changed
        .user_list
        .iter()
        .filter(|user| user.user_id == ann_id)
        .collect();
    assert_eq!(of_ann.len(), 1);
    assert_eq!(of_ann[0].avatar_url, "https://example.org/a.png");
    // A further change within the second that the answer goes up to is not missed.
    assert_eq!(ann.signs("back again").await, 0);
    let again = bob.all_users(changed.latest_update_time).await.unwrap();
    let of_ann = again.user_list.iter().find(|user| user.user_id == ann_id);
    assert_eq!(of_ann.unwrap().sign_info.as_deref(), Some("back again"));

    // What is refused changes nothing and is told nobody.
    assert_eq!(ann.signs(&"x".repeat(129)).await, 1);
    assert_eq!(ann.signs(&"x".repeat(128)).await, 0);
    while bob.signature().await.1 != "x".repeat(128) {}
    world.end().await;
}

#[tokio::test]
async fn departments_come_whole_and_then_as_they_change() {
    let world = World::usual(1).await;
    let ann = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let since = async |latest_update_time| {
        let request = ImDepartmentReq {
            latest_update_time,
            ..Default::default()
        };
        ann.request(request).await.unwrap()
    };
    let none = since(0).await;
    assert!(none.dept_list.is_empty());
    assert_eq!(none.latest_update_time, 0);

    let store = store::open(&world.topology().store).await.unwrap();
    let new = |name: &str, parent| NewDepartment {
        name: name.to_owned(),
        parent,
        priority: 3,
    };
    let house = store
        .insert_department(&new("house", DepartmentId(0)))
        .await
        .unwrap();
    let all = since(0).await;
    assert_eq!(all.dept_list.len(), 1);
    let desk = store.insert_department(&new("desk", house)).await.unwrap();
    store.remove_department(house).await.unwrap();
    let changed: ImDepartmentRsp = since(all.latest_update_time).await;
    let mut changed: Vec<_> = changed
        .dept_list
        .into_iter()
        .map(|dept| (dept.dept_id, dept.parent_dept_id, dept.dept_status))
        .collect();
    changed.sort_unstable();
    let (ok, gone) = (
        DepartmentStatusType::DeptStatusOk as i32,
        DepartmentStatusType::DeptStatusDelete as i32,
    );
    let (house, desk) = (house.0, desk.0);
    assert_eq!(changed, [(house, 0, gone), (desk, house, ok)]);
    assert!(since(u32::MAX).await.dept_list.is_empty());
    world.end().await;
}

#[tokio::test]
async fn push_settings_are_kept() {
    let world = World::usual(1).await;
    let phone = Person::at(&world.msg(0), "demo1", Device::Ios).await;
    let shield = async |shield_status| -> ImPushShieldRsp {
        let request = ImPushShieldReq {
            shield_status,
            ..Default::default()
        };
        phone.request(request).await.unwrap()
    };
    let set = shield(1).await;
    assert_eq!((set.result_code, set.shield_status), (0, Some(1)));
    assert_eq!(shield(1).await.result_code, 0, "as it is already");
    assert_eq!(shield(2).await.result_code, 1);
    let token = ImDeviceTokenReq {
        device_token: "f0".repeat(32),
        ..Default::default()
    };
    // D-11: the answer names the user.
    assert_eq!(phone.request(token).await.unwrap().user_id, phone.id());
    phone.logout().await.unwrap();

    let desktop = Person::at(&world.msg(1), "demo1", Device::Windows).await;
    let kept: ImQueryPushShieldRsp = desktop
        .request(ImQueryPushShieldReq::default())
        .await
        .unwrap();
    assert_eq!((kept.result_code, kept.shield_status), (0, Some(1)));
    world.end().await;
}
