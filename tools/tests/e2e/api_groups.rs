//! Groups, made and changed by a back office, and what their members see of it.

use rustix::process::Signal;
use serde_json::{Value, json};
use tools::client::Device;
use tools::cluster::Role;

use proto::im::base_define::GroupVersionInfo;
use proto::im::group::{ImGroupInfoListReq, ImNormalGroupListReq};

use crate::office::Office;
use crate::person::Person;
use crate::world::{USUAL, World};

const CREATE: &str = "/query/CreateGroup";
const CHANGE: &str = "/query/ChangeMembers";

fn group(name: &str, members: &[u32]) -> Value {
    json!({
        "req_user_id": 1,
        "group_name": name,
        "group_type": 1,
        "group_avatar": "",
        "user_id_list": members,
    })
}

fn change(group_id: u32, modify_type: u32, users: &[u32]) -> Value {
    json!({
        "req_user_id": 1,
        "group_id": group_id,
        "modify_type": modify_type,
        "user_id_list": users,
    })
}

/// The members of a group, as one who may look sees them.
async fn members(person: &Person, group_id: u32) -> Vec<u32> {
    let version = GroupVersionInfo {
        group_id,
        version: 0,
    };
    let request = ImGroupInfoListReq {
        user_id: person.id(),
        group_version_list: vec![version],
        attach_data: None,
    };
    let answer = person.request(request).await.unwrap();
    let mut members = answer.group_info_list[0].group_member_list.clone();
    members.sort_unstable();
    members
}

#[tokio::test]
async fn a_group_is_made_and_its_members_talk() {
    let world = World::usual(3).await;
    let office = Office::of(&world);
    let one = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let two = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let answer = office
        .post(CREATE, &group("staff", &[one.id(), two.id()]))
        .await;
    assert_eq!(answer.says(), (200, 0), "{answer:?}");
    let group_id = u32::try_from(answer.json["group_id"].as_u64().unwrap()).unwrap();
    assert_ne!(group_id, 0);
    let wanted = format!(
        "{{\n  \"error_code\": 0,\n  \"error_msg\": \"success\",\n  \"group_id\": {group_id}\n}}\n"
    );
    assert_eq!(answer.text, wanted);

    let request = ImNormalGroupListReq {
        user_id: two.id(),
        attach_data: None,
    };
    let listed = two.request(request).await.unwrap().group_version_list;
    assert!(listed.iter().any(|group| group.group_id == group_id));
    assert_eq!(members(&one, group_id).await, [one.id(), two.id()]);

    // The key may be where a stock back office has it.
    let mut request = group("second", &[one.id()]);
    request["app_key"] = office.key.clone().into();
    let answer = office.ask("POST", CREATE, &[], &request.to_string()).await;
    assert_eq!(answer.says(), (200, 0), "{answer:?}");
    assert_ne!(answer.json["group_id"], group_id);
    world.end().await;
}

#[tokio::test]
async fn a_request_that_is_made_again_makes_no_second_group() {
    let world = World::usual(1).await;
    let office = Office::of(&world);
    let bearer = format!("Bearer {}", office.key);
    let bearer = ("Authorization", bearer.as_str());
    let body = group("once", &[1]).to_string();
    let mut made = Vec::new();
    for key in ["order-1", "order-1", "order-2"] {
        let headers = [bearer, ("Idempotency-Key", key)];
        let answer = office.ask("POST", CREATE, &headers, &body).await;
        assert_eq!(answer.says(), (200, 0), "{answer:?}");
        made.push(answer.json["group_id"].as_u64().unwrap());
    }
    assert_eq!(made[0], made[1]);
    assert_ne!(made[0], made[2]);
    for bad in ["", "two words", &"x".repeat(61)] {
        let headers = [bearer, ("Idempotency-Key", bad)];
        let answer = office.ask("POST", CREATE, &headers, &body).await;
        assert_eq!(answer.says(), (400, 1), "{bad:?}");
    }
    let list = json!([null, "", "list", 1, 0, [1]]).to_string();
    let answer = office.ask("POST", CREATE, &[bearer], &list).await;
    assert_eq!(answer.says(), (400, 1), "a list is no object");
    world.end().await;
}

#[tokio::test]
async fn members_come_and_go_and_everybody_is_told() {
    let world = World::usual(3).await;
    let office = Office::of(&world);
    let mut one = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let mut two = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let (first, second) = (one.id(), two.id());
    let answer = office.post(CREATE, &group("staff", &[first])).await;
    let group_id = u32::try_from(answer.json["group_id"].as_u64().unwrap()).unwrap();

    for (modify_type, left) in [(1, vec![first, second]), (2, vec![first])] {
        let answer = office
            .post(CHANGE, &change(group_id, modify_type, &[second]))
            .await;
        assert_eq!(answer.says(), (200, 0), "{answer:?}");
        assert_eq!(
            answer.text,
            "{\n  \"error_code\": 0,\n  \"error_msg\": \"success\"\n}\n"
        );
        for person in [&mut one, &mut two] {
            let told = person.is_told().await;
            assert_eq!((told.user_id, told.group_id), (0, group_id));
            assert_eq!(told.chg_user_id_list, [second]);
        }
        assert_eq!(members(&one, group_id).await, left);
    }
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_changed_is_answered_at_once() {
    let world = World::usual(2).await;
    let office = Office::of(&world);
    let answer = office.post(CREATE, &group("staff", &[1, 2])).await;
    let group_id = u32::try_from(answer.json["group_id"].as_u64().unwrap()).unwrap();
    for request in [
        change(group_id + 1, 1, &[1]),
        change(0, 1, &[1]),
        change(group_id, 1, &[1]),
        change(group_id, 1, &[]),
    ] {
        let answer = office.post(CHANGE, &request).await;
        assert_eq!(answer.says(), (422, 12), "{request}");
    }
    world.end().await;
}

#[tokio::test]
async fn without_a_database_it_says_so_within_the_time_of_a_request() {
    let world = World::start(USUAL, 1, |topology| {
        let key = "FERROTALK_LIMITS__REQUEST_SECONDS".to_owned();
        topology
            .environment
            .push((Role::MsgServer, key, "1".into()));
    })
    .await;
    let office = Office::of(&world);
    for index in world.db_proxies() {
        world.signal(Role::DbProxy, index, Signal::STOP);
    }
    let answer = office.post(CREATE, &group("staff", &[1])).await;
    assert_eq!(answer.says(), (503, 10), "{answer:?}");
    assert!(answer.json.get("group_id").is_none(), "it may be made yet");
    let answer = office.post(CHANGE, &change(1, 1, &[1])).await;
    assert_eq!(answer.says(), (503, 10), "{answer:?}");
    for index in world.db_proxies() {
        world.signal(Role::DbProxy, index, Signal::CONT);
    }
    world.ready().await;
    world.end().await;
}
