//! The HTTP API: who may ask, how, and what is answered to everything that is not good.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tools::cluster::Role;

use crate::office::Office;
use crate::world::{USUAL, World};

const CREATE: &str = "/query/CreateGroup";
const CHANGE: &str = "/query/ChangeMembers";

/// A request that gets as far as its values are looked at, and no further.
fn harmless() -> Value {
    json!({
        "req_user_id": 1,
        "group_name": "staff",
        "group_type": 9,
        "group_avatar": "",
        "user_id_list": [1, 2],
    })
}

fn without(mut request: Value, field: &str) -> Value {
    request.as_object_mut().unwrap().remove(field);
    request
}

fn with(mut request: Value, field: &str, value: Value) -> Value {
    request[field] = value;
    request
}

/// D-53: the API is for those who have its key.
#[tokio::test]
async fn only_who_has_the_key_is_heard() {
    let world = World::usual(1).await;
    let office = Office::of(&world);
    let key = office.key.as_str();
    let bearer = format!("bearer {key}");
    let wrong = format!("Bearer {key}x");
    let in_body = |key: &str| with(harmless(), "app_key", key.into());
    let plain = harmless();
    for (path, body) in [(CREATE, harmless()), (CHANGE, harmless())] {
        let ask = async |headers: &[(&str, &str)], body: &Value| {
            office.ask("POST", path, headers, &body.to_string()).await
        };
        // Each way to give it is enough; what is wrong then is the request.
        for (headers, body) in [
            (&[("Authorization", bearer.as_str())][..], &body),
            (&[("X-Api-Key", key)], &body),
            (&[("Authorization", "Basic abc"), ("X-Api-Key", key)], &body),
            (&[("Authorization", "Basic abc")], &in_body(key)),
            (&[], &in_body(key)),
            (&[("X-Api-Key", key)], &in_body("wrong")),
        ] {
            let answer = ask(headers, body).await;
            assert_eq!(answer.says(), (400, 1), "{headers:?} {body}");
        }
        for (headers, body) in [
            (&[][..], &plain),
            (&[("X-Api-Key", "")], &plain),
            (&[("X-Api-Key", "wrong")], &plain),
            (&[("Authorization", wrong.as_str())], &plain),
            (&[("Authorization", key)], &plain),
            (&[], &in_body("wrong")),
            (&[], &in_body("")),
            (&[], &with(harmless(), "app_key", json!({}))),
            (&[("X-Api-Key", "wrong")], &in_body(key)),
        ] {
            let answer = ask(headers, body).await;
            assert_eq!(answer.says(), (401, 2), "{headers:?} {body}");
            assert!(answer.head.contains("www-authenticate: bearer"));
            assert_eq!(answer.json["group_id"], Value::Null);
        }
    }
    let labels = [("from", "back_office"), ("reason", "bad_key")];
    let refusals = "im_refusals_total";
    world
        .counts_to(Role::MsgServer, 0, refusals, &labels, 18)
        .await;
    world.end().await;
}

/// D-74: a bad request gets a whole answer.
#[tokio::test]
async fn what_is_not_good_is_answered_and_says_why() {
    let world = World::usual(1).await;
    let office = Office::of(&world);
    let good = with(harmless(), "group_type", 1.into());
    let change = json!({
        "req_user_id": 1, "group_id": 1, "modify_type": 3, "user_id_list": [1],
    });
    for (path, body, wanted) in [
        (CREATE, without(good.clone(), "req_user_id"), "req_user_id"),
        (
            CREATE,
            with(good.clone(), "req_user_id", Value::Null),
            "req_user_id",
        ),
        (
            CREATE,
            with(good.clone(), "req_user_id", "1".into()),
            "req_user_id",
        ),
        (CREATE, without(good.clone(), "group_name"), "group_name"),
        (
            CREATE,
            with(good.clone(), "group_name", 77.into()),
            "group_name",
        ),
        (
            CREATE,
            without(good.clone(), "group_avatar"),
            "group_avatar",
        ),
        (
            CREATE,
            with(good.clone(), "group_type", true.into()),
            "group_type",
        ),
        (CREATE, harmless(), "group_type"),
        (
            CREATE,
            with(good.clone(), "user_id_list", "1,2".into()),
            "user_id_list",
        ),
        (
            CREATE,
            with(good.clone(), "user_id_list", json!([1, "2"])),
            "user_id_list[1]",
        ),
        (
            CREATE,
            with(good.clone(), "user_id_list", json!([-1])),
            "user_id_list[0]",
        ),
        (
            CREATE,
            with(good.clone(), "user_id_list", json!([1_u64 << 32])),
            "user_id_list[0]",
        ),
        (CHANGE, change.clone(), "modify_type"),
        (CHANGE, without(change.clone(), "group_id"), "group_id"),
        (
            CHANGE,
            with(change.clone(), "group_id", "1".into()),
            "group_id",
        ),
        (CREATE, json!([]), "not a JSON object"),
        (CREATE, json!("x"), "not a JSON object"),
    ] {
        let answer = office.post(path, &body).await;
        assert_eq!(answer.says(), (400, 1), "{body}");
        let words = answer.json["error_msg"].as_str().unwrap();
        assert!(words.contains(wanted), "{body}: {words}");
        assert!(answer.head.contains("content-type: application/json"));
    }
    // What the group itself does not allow.
    for field in ["group_name", "user_id_list"] {
        let empty = if field == "group_name" {
            json!("")
        } else {
            json!([])
        };
        let answer = office.post(CREATE, &with(good.clone(), field, empty)).await;
        assert_eq!(answer.says(), (422, 11), "{field}");
        assert_eq!(answer.json["group_id"], 0);
        let keys: Vec<&str> = answer.text.split('"').skip(1).step_by(2).collect();
        let keys: Vec<&str> = keys.into_iter().filter(|key| key.contains('_')).collect();
        assert_eq!(keys, ["error_code", "error_msg", "group_id"]);
        assert!(answer.text.starts_with("{\n") && answer.text.ends_with("}\n"));
    }

    let key = [("X-Api-Key", office.key.as_str())];
    for body in ["", "{", "{]", "group_name=x", "\u{feff}{}", "{} {}"] {
        let answer = office.ask("POST", CREATE, &key, body).await;
        assert_eq!(answer.says(), (400, 1), "{body:?}");
    }
    let deep = "[".repeat(500_000);
    let answer = office.ask("POST", CREATE, &key, &deep).await;
    assert_eq!(answer.says(), (400, 1));
    let large = with(good.clone(), "group_avatar", "x".repeat(1 << 20).into()).to_string();
    let answer = office.ask("POST", CREATE, &key, &large).await;
    assert_eq!(answer.says(), (413, 1));
    // Chunks have no length that could be looked at before.
    let chunks = format!("{:x}\r\n{large}\r\n", large.len()).repeat(3);
    let key = &office.key;
    let head = format!("POST {CREATE} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\n");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    assert_eq!(office.exchange(&chunked).await.says(), (413, 1));

    for (method, path, status) in [
        ("GET", CREATE, 405),
        ("PUT", CHANGE, 405),
        ("POST", "/openapi.json", 405),
        ("POST", "/query/SendMessage", 404),
        ("GET", "/query/", 404),
        ("GET", "/", 404),
    ] {
        let answer = office.ask(method, path, &[], "{}").await;
        assert_eq!(answer.says(), (status, 5), "{method} {path}");
        assert_eq!(answer.head.contains("allow: "), status == 405);
    }
    world.end().await;
}

#[tokio::test]
async fn the_api_describes_itself() {
    let world = World::usual(1).await;
    let office = Office::of(&world);
    let described = office.ask("GET", "/openapi.json", &[], "").await;
    assert_eq!(described.status, 200);
    let document = described.json;
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let keys = |object: &Value| -> BTreeSet<String> {
        object.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        keys(&document["paths"]),
        [CREATE, CHANGE].map(String::from).into()
    );

    // A request that has every field of the schema is understood, and an answer has the fields of its own.
    let schema = |reference: &Value| {
        let pointer = reference["schema"]["$ref"].as_str().unwrap();
        document
            .pointer(pointer.trim_start_matches('#'))
            .unwrap()
            .clone()
    };
    for (path, fields) in [
        (
            CREATE,
            &[
                "app_key",
                "group_avatar",
                "group_name",
                "group_type",
                "req_user_id",
                "user_id_list",
            ][..],
        ),
        (
            CHANGE,
            &[
                "app_key",
                "group_id",
                "modify_type",
                "req_user_id",
                "user_id_list",
            ],
        ),
    ] {
        let operation = &document["paths"][path]["post"];
        let request = schema(&operation["requestBody"]["content"]["application/json"]);
        assert_eq!(
            keys(&request["properties"]),
            fields.iter().map(ToString::to_string).collect()
        );
        let required = request["required"].as_array().unwrap();
        assert_eq!(required.len(), fields.len() - 1, "all but app_key");
        let refused = schema(&operation["responses"]["400"]["content"]["application/json"]);
        let answer = office.post(path, &harmless()).await;
        assert_eq!(answer.status, 400);
        assert!(keys(&refused["properties"]).is_superset(&keys(&answer.json)));
        for field in refused["required"].as_array().unwrap() {
            assert!(
                answer.json.get(field.as_str().unwrap()).is_some(),
                "{field}"
            );
        }
        for status in ["200", "401", "413", "422", "503"] {
            assert!(
                operation["responses"][status].is_object(),
                "{path} {status}"
            );
        }
    }
    world.end().await;
}

#[tokio::test]
async fn only_the_first_msg_server_serves_it_and_keeps_its_key() {
    let world = World::usual(1).await;
    let office = Office::of(&world);
    let world = world.restart().await;
    assert_eq!(Office::of(&world).key, office.key);
    assert_eq!(office.post(CREATE, &harmless()).await.says(), (400, 1));
    let ports = world.topology().ports_of(Role::MsgServer, 1);
    assert!(ports.iter().all(|(name, _)| *name != "api"));
    world.end().await;
}

#[tokio::test]
async fn a_key_by_environment_goes_before_the_file_and_without_a_key_nothing_is_served() {
    for (name, value) in [("KEY", "of my own"), ("KEY_FILE", "")] {
        let world = World::start(USUAL, 1, |topology| {
            let name = format!("FERROTALK_API__{name}");
            let environment = &mut topology.environment;
            environment.push((Role::MsgServer, name, value.to_owned()));
        })
        .await;
        let mut office = Office::of(&world);
        if name == "KEY" {
            assert_eq!(office.post(CREATE, &harmless()).await.says(), (401, 2));
            office.key = value.to_owned();
            assert_eq!(office.post(CREATE, &harmless()).await.says(), (400, 1));
        } else {
            let refused = TcpStream::connect(("127.0.0.1", office.port)).await;
            assert!(refused.is_err());
        }
        world.end().await;
    }
}
