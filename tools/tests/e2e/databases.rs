//! Several db_proxies on one database, and databases that die while people chat.

use std::path::Path;
use std::time::Duration;

use im_base::telemetry::metrics::LINK_UP;
use tools::accounts::Accounts;
use tools::client::Device;
use tools::cluster::{Counts, Role};

use crate::command::{Up, run};
use crate::pair::{Private, Servers};
use crate::person::Person;
use crate::turmoil::{Victim, chat_through, no_limits};
use crate::world::{PASSWORD, USUAL, World};

/// Long enough that requests fail, and not only wait.
const LONG: Duration = Duration::from_secs(6);

#[tokio::test]
async fn of_two_db_proxies_each_dies_while_people_chat() {
    let counts = Counts { db: 2, ..USUAL };
    let kills = [0, 1, 0, 1].map(|index| Victim::Process(Role::DbProxy, index));
    chat_through(World::start(counts, 2, no_limits).await, &kills).await;
}

#[tokio::test]
async fn mariadb_dies_while_people_chat() {
    if Servers::or_left_out("kill -9 of MariaDB").is_none() {
        return;
    }
    let private = Private::start();
    let servers = Some(private.servers.clone());
    let world = World::start_on(servers, USUAL, 2, no_limits).await;
    world.expect("the store is not available");
    let away = |time| Victim::Server(&private, "mysql", time);
    let kills = [
        away(Duration::ZERO),
        away(LONG),
        Victim::Process(Role::DbProxy, 0),
        away(Duration::ZERO),
    ];
    chat_through(world, &kills).await;
}

#[tokio::test]
async fn redis_dies_while_people_chat() {
    if Servers::or_left_out("kill -9 of Redis").is_none() {
        return;
    }
    let private = Private::start();
    let servers = Some(private.servers.clone());
    let world = World::start_on(servers, USUAL, 2, no_limits).await;
    world.expect("cache is away, going on without");
    let away = |time| Victim::Server(&private, "redis", time);
    let kills = [
        away(Duration::ZERO),
        away(LONG),
        Victim::Process(Role::DbProxy, 0),
        away(Duration::ZERO),
    ];
    chat_through(world, &kills).await;
}

/// Every file below a folder that has a text in it and that others could read.
fn open_files(folder: &Path, secret: &str) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(open_files(&path, secret));
        } else if let Ok(bytes) = std::fs::read(&path) {
            let open = path.metadata().unwrap().permissions().mode() & 0o077 != 0;
            if open && String::from_utf8_lossy(&bytes).contains(secret) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn up_runs_on_them_and_keeps_their_passwords() {
    let Some(servers) = Servers::or_left_out("`ferrotalk up` on MariaDB and Redis") else {
        return;
    };
    let (_, password) = servers
        .mysql
        .split_once("//")
        .unwrap()
        .1
        .split_once(':')
        .unwrap();
    let password = password.split('@').next().unwrap().to_owned();
    let fresh = servers.fresh().await;
    let environment = [
        ("FERROTALK_STORE", fresh.store.as_str()),
        ("FERROTALK_CACHE", &fresh.cache),
    ];
    let up = Up::start_with(&["--db-proxies", "2"], &environment).await;
    let children = up.run_json();
    let proxies = children.iter().filter(|child| child["role"] == "db_proxy");
    let indices: Vec<_> = proxies.map(|child| child["index"].clone()).collect();
    assert_eq!(indices, [0, 1]);
    let base = up.port("login_server", 0, "http");
    assert_eq!(up.port("db_proxy", 0, "servers") - base, 4);
    assert_eq!(up.port("db_proxy", 1, "servers") - base, 114);
    up.person("demo3", PASSWORD).await.unwrap();

    assert_eq!(open_files(up.folder(), &password), Vec::<String>::new());
    for pid in up.pids() {
        let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
        assert!(arguments.is_ok_and(|arguments| !arguments.contains(&password)));
    }
    let log = up.interrupted().await;
    assert!(!log.contains(&password), "{log}");
    fresh.remove().await;
}

#[tokio::test]
async fn up_says_at_once_that_a_database_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    // Port 1 is nobody's.
    for (store, wanted) in [
        ("mysql://im:hidden@127.0.0.1:1/im", "127.0.0.1:1"),
        ("mysql://im:hidden@127.0.0.1:1", "mysql://"),
        ("postgres://im:hidden@127.0.0.1:1/im", "sqlite:"),
        ("sqlite:/proc/nothing/here.db", "/proc/nothing"),
    ] {
        let (ok, said) = run(&["up", "--dir", folder, "--store", store], "").await;
        assert!(!ok && said.contains(wanted), "{store}: {said}");
        assert!(!said.contains("hidden"), "{said}");
        assert!(!said.contains("starting it again"), "{said}");
    }
}

/// What one db_proxy has changed, the other one knows.
#[tokio::test]
async fn a_new_password_holds_at_every_db_proxy() {
    let world = World::start(Counts { db: 2, ..USUAL }, 2, |_| {}).await;
    let accounts = Accounts::open(&world.topology().store).await.unwrap();
    for index in world.db_proxies() {
        let person = Person::at(&world.msg(0), "demo1", Device::Windows).await;
        person.ping().await.unwrap();
        drop(person);
        accounts.set_password("demo1", "new").await.unwrap();
        // Each msg_server asks whichever of them is alive.
        world.cluster.stop_one(Role::DbProxy, index).await;
        let old = Person::try_at(&world.msg(1), "demo1", PASSWORD, Device::Windows).await;
        assert!(old.is_err(), "without db_proxy.{index}");
        let new = Person::try_at(&world.msg(1), "demo1", "new", Device::Windows).await;
        let refused = new.map(drop).err();
        assert!(refused.is_none(), "without db_proxy.{index}: {refused:?}");
        accounts.set_password("demo1", PASSWORD).await.unwrap();
        world.cluster.start_one(Role::DbProxy, index).await;
        for msg_server in [0, 1] {
            let links = [("peer", "db_proxy")];
            world
                .counts_to(Role::MsgServer, msg_server, LINK_UP, &links, 2)
                .await;
        }
    }
    world.end().await;
}
