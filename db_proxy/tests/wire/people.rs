use db_proxy::logic::password::client_password;
use db_proxy::store::{DepartmentId, NewDepartment};
use proto::im::base_define::MsgType;
use proto::im::buddy::{
    ImAllUserReq, ImChangeAvatarReq, ImChangeSignInfoReq, ImDepartmentReq, ImUsersInfoReq,
};
use proto::im::login::{ImDeviceTokenReq, ImPushShieldReq, ImQueryPushShieldReq};
use proto::im::server::{ImValidateReq, ImValidateRsp};

use crate::bed::{Proxy, message};

async fn login(proxy: &mut Proxy, name: &str) -> ImValidateRsp {
    let request = ImValidateReq {
        user_name: name.to_owned(),
        password: client_password("demo").to_string(),
        ..ImValidateReq::default()
    };
    proxy.ask(request).await
}

#[tokio::test]
async fn a_login_says_which_groups_and_whom_to_follow() {
    let mut proxy = Proxy::start(5, |config| config.presence.directory = 4).await;
    let first = proxy.create(1, &[1, 2]).await.group_id.unwrap();
    let second = proxy.create(3, &[3]).await.group_id.unwrap();
    proxy.store(message(4, 1, MsgType::SingleText)).await;
    let answer = login(&mut proxy, "demo1").await;
    assert_eq!(answer.result_code, 0);
    let groups = answer.group_version_list.iter();
    let groups: Vec<_> = groups
        .map(|group| (group.group_id, group.version))
        .collect();
    assert_eq!(groups, [(first, 1)]);
    assert_eq!(answer.by_contact, Some(true));
    assert_eq!(answer.contact_id, [2, 4]);
    let answer = login(&mut proxy, "demo3").await;
    assert_eq!(answer.group_version_list[0].group_id, second);
    assert_eq!(
        (answer.by_contact, answer.contact_id.len()),
        (Some(true), 0)
    );
    let refused = login(&mut proxy, "nobody").await;
    assert_eq!((refused.result_code, refused.by_contact), (1, None));
    proxy.end().await;

    let mut small = Proxy::start(4, |config| config.presence.directory = 4).await;
    let answer = login(&mut small, "demo1").await;
    assert_eq!((answer.by_contact, answer.contact_id.len()), (None, 0));
    small.end().await;
}

/// D-10: an avatar can be changed. D-14, D-95: each change is seen, the same again is a success.
#[tokio::test]
async fn avatar_and_signature_are_changed() {
    let mut proxy = Proxy::start(1, |_| {}).await;
    let avatar = |avatar_url: &str| ImChangeAvatarReq {
        user_id: 1,
        avatar_url: avatar_url.to_owned(),
        attach_data: None,
    };
    let signature = |sign_info: &str| ImChangeSignInfoReq {
        user_id: 1,
        sign_info: sign_info.to_owned(),
        attach_data: None,
    };
    let everybody = ImAllUserReq::default();
    let before = proxy.ask(everybody.clone()).await.latest_update_time;
    for _ in 0..2 {
        assert_eq!(proxy.ask(avatar("url")).await.result_code, 0);
        let signed = proxy.ask(signature("签名")).await;
        assert_eq!(
            (signed.result_code, signed.sign_info.as_deref()),
            (0, Some("签名"))
        );
    }
    assert_eq!(proxy.ask(avatar("a\nb")).await.result_code, 1);
    assert_eq!(proxy.ask(signature(&"x".repeat(129))).await.result_code, 1);
    let nobody = ImChangeSignInfoReq {
        user_id: 9,
        ..signature("x")
    };
    assert_eq!(proxy.ask(nobody).await.result_code, 1);

    let changed = ImAllUserReq {
        latest_update_time: before,
        ..everybody
    };
    let changed = proxy.ask(changed).await.user_list;
    let profile = ImUsersInfoReq {
        user_id: 1,
        user_id_list: vec![1],
        attach_data: None,
    };
    let profile = proxy.ask(profile).await.user_info_list;
    assert_eq!(profile, changed);
    assert_eq!(profile[0].avatar_url, "url");
    assert_eq!(profile[0].sign_info.as_deref(), Some("签名"));
    proxy.end().await;
}

/// D-14, for departments: two changes in one second are both seen.
#[tokio::test]
async fn departments_are_asked_for_by_time() {
    let mut proxy = Proxy::start(1, |_| {}).await;
    let since = |latest_update_time| ImDepartmentReq {
        user_id: 1,
        latest_update_time,
        attach_data: None,
    };
    let none = proxy.ask(since(7)).await;
    assert_eq!((none.latest_update_time, none.dept_list.len()), (7, 0));
    let new = |name: &str, parent| NewDepartment {
        name: name.to_owned(),
        parent: DepartmentId(parent),
        priority: 5,
    };
    let departments = proxy.admin.departments().clone();
    let sales = departments.add(new("Sales", 0)).await.unwrap();
    let first = proxy.ask(since(0)).await;
    assert_eq!(first.dept_list.len(), 1);
    departments.add(new("North", sales.0)).await.unwrap();
    departments.remove("North").await.unwrap();
    let second = proxy.ask(since(first.latest_update_time)).await;
    let north = second.dept_list.last().unwrap();
    assert_eq!(
        (&*north.dept_name, north.parent_dept_id),
        ("North", sales.0)
    );
    assert_eq!((north.dept_status, north.priority), (1, 5));
    proxy.end().await;
}

/// D-11: the answer names the user, taken or not.
#[tokio::test]
async fn tokens_and_the_night_shield_are_kept() {
    let mut proxy = Proxy::start(1, |_| {}).await;
    let types = [Some(0x11), Some(0x01), None, Some(0x77)];
    for (client_type, token) in types.into_iter().zip(["t", "t", "", "t"]) {
        let request = ImDeviceTokenReq {
            user_id: 1,
            device_token: token.to_owned(),
            client_type,
            attach_data: None,
        };
        assert_eq!(proxy.ask(request).await.user_id, 1);
    }
    let query = |user_id| ImQueryPushShieldReq {
        user_id,
        attach_data: None,
    };
    let set = |user_id, shield_status| ImPushShieldReq {
        user_id,
        shield_status,
        attach_data: None,
    };
    assert_eq!(proxy.ask(query(1)).await.shield_status, Some(0));
    for _ in 0..2 {
        let answer = proxy.ask(set(1, 1)).await;
        assert_eq!((answer.result_code, answer.shield_status), (0, Some(1)));
    }
    assert_eq!(proxy.ask(set(1, 2)).await.result_code, 1);
    assert_eq!(proxy.ask(set(9, 1)).await.result_code, 1);
    let answer = proxy.ask(query(1)).await;
    assert_eq!((answer.result_code, answer.shield_status), (0, Some(1)));
    assert_eq!(proxy.ask(query(9)).await.result_code, 1);
    proxy.end().await;
}
