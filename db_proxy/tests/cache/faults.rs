//! What a Redis may do: be away, be slow, forget, remember what is past, hold rubbish, refuse.

use std::time::Duration;

use db_proxy::cache::redis::{Link, LinkSettings, RedisFailures, RedisGroups, RedisUsers};
use db_proxy::cache::{Attempt, FailureCache, GroupCache, UserCache};
use deadpool_redis::redis::{Client, aio::MultiplexedConnection, cmd};
use futures_util::FutureExt;
use proto::ids::GroupId;

use crate::bed::{LIMITS, Server, linked_to, linking, settings, soon};
use crate::groups::members;
use crate::relay::Relay;
use crate::users::{ids, user};

const EPOCH: u64 = 7;

/// As an operator would look at it.
async fn console(server: &Server) -> MultiplexedConnection {
    let client = Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn run(console: &mut MultiplexedConnection, words: &str) {
    let mut words = words.split(' ');
    let mut command = cmd(words.next().unwrap());
    for word in words {
        command.arg(word);
    }
    command.query_async::<()>(console).await.unwrap();
}

/// A link that takes an answer for late quickly.
fn impatient(url: &str) -> LinkSettings {
    LinkSettings {
        timeout: Duration::from_millis(50),
        ..settings(url, EPOCH)
    }
}

/// Asks until somebody is found there, as requests would.
async fn is_found(users: &RedisUsers, wanted: &[db_proxy::store::User]) {
    soon("a copy", async {
        while users.get(&ids(&[1])).await != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn flushed_at_any_moment_it_is_filled_again() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let link = linked_to(&server.url(), EPOCH).await.unwrap();
    let users = RedisUsers::new(link.clone());
    let mut console = console(&server).await;
    for at in 1..=20 {
        users.put(&[user(1, at)]).await;
        assert_eq!(users.get(&ids(&[1])).await, [user(1, at)]);
        run(
            &mut console,
            if at % 2 == 0 {
                "FLUSHALL"
            } else {
                "SCRIPT FLUSH"
            },
        )
        .await;
    }
    assert!(users.get(&ids(&[1])).await.is_empty());
    assert!(link.is_up());
}

#[tokio::test]
async fn away_at_the_start_it_is_used_once_it_is_there() {
    let Some(mut server) = Server::start(&[]).await else {
        return;
    };
    server.kill();
    let link = linking(settings(&server.url(), EPOCH));
    let users = RedisUsers::new(link.clone());
    users.put(&[user(1, 1)]).await;
    assert!(users.get(&ids(&[1])).await.is_empty());
    users.changed(&user(1, 2)).await;
    server.start_again().await;
    soon("the link", link.wait(true)).await;
    assert_eq!(users.get(&ids(&[1])).await, [user(1, 2)]);
}

/// A change that Redis did not hear of is delivered before the copy of before is believed again, by anybody.
#[tokio::test]
async fn a_change_made_while_it_is_away_is_made_up_for() {
    let Some(mut server) = Server::start(&[]).await else {
        return;
    };
    let relay = Relay::to(server.port).await;
    let ours = linked_to(&relay.url(), EPOCH).await.unwrap();
    let theirs = linked_to(&server.url(), EPOCH).await.unwrap();
    let (here, there) = (RedisUsers::new(ours.clone()), RedisUsers::new(theirs));
    here.put(&[user(1, 1), user(2, 1)]).await;
    // for us alone
    relay.breaks(true);
    soon("the link to be down", async {
        while ours.is_up() {
            here.get(&ids(&[2])).await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    here.changed(&user(1, 2)).await;
    here.invalidate(&ids(&[2])).await;
    assert!(here.get(&ids(&[1, 2])).await.is_empty());
    assert_eq!(
        there.get(&ids(&[1])).await,
        [user(1, 1)],
        "within its lifetime"
    );
    relay.breaks(false);
    soon("the link", ours.wait(true)).await;
    assert_eq!(here.get(&ids(&[1, 2])).await, [user(1, 2)]);
    assert_eq!(there.get(&ids(&[1, 2])).await, [user(1, 2)]);
    server.kill();
}

/// Nobody knows whether a change was made; somebody else has read the store before it, and puts that here now.
#[tokio::test]
async fn what_was_read_before_a_doubtful_change_is_not_put_back() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let link = linked_to(&server.url(), EPOCH).await.unwrap();
    let users = RedisUsers::new(link);
    users.put(&[user(1, 1)]).await;
    users.invalidate(&ids(&[1])).await;
    users.put(&[user(1, 1), user(2, 1)]).await;
    assert_eq!(users.get(&ids(&[1, 2])).await, [user(2, 1)]);
    let mut console = console(&server).await;
    let keys = cmd("KEYS").arg("*:user:1").to_owned();
    let keys: Vec<String> = keys.query_async(&mut console).await.unwrap();
    let left = cmd("PTTL").arg(&keys[0]).to_owned();
    let left: i64 = left.query_async(&mut console).await.unwrap();
    assert!((1..=10_000).contains(&left), "{left}: he may come back");
}

/// Others wrote elsewhere meanwhile, and no connection broke.
#[tokio::test]
async fn a_server_that_was_a_replica_says_nothing_old() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let link = linked_to(&server.url(), EPOCH).await.unwrap();
    let users = RedisUsers::new(link.clone());
    users.put(&[user(1, 1)]).await;
    is_found(&users, &[user(1, 1)]).await;
    let mut operator = console(&server).await;
    run(&mut operator, "REPLICAOF 127.0.0.1 1").await;
    run(&mut operator, "REPLICAOF NO ONE").await;
    is_found(&users, &[]).await;
    soon("the link", link.wait(true)).await;
    users.put(&[user(1, 2)]).await;
    is_found(&users, &[user(1, 2)]).await;
}

/// Redis goes on from what it saved a while ago: what it knew then is not believed.
#[tokio::test]
async fn restarted_with_old_data_it_says_nothing_old() {
    let Some(mut server) = Server::start(&["--dbfilename", "old.rdb"]).await else {
        return;
    };
    let link = linked_to(&server.url(), EPOCH).await.unwrap();
    let users = RedisUsers::new(link.clone());
    users.put(&[user(1, 1)]).await;
    let mut operator = console(&server).await;
    run(&mut operator, "SAVE").await;
    users.changed(&user(1, 2)).await;
    server.restart().await;
    let mut operator = console(&server).await;
    let kept: u64 = cmd("DBSIZE").query_async(&mut operator).await.unwrap();
    assert!(kept > 0, "it has the old data");
    is_up_again(&link, &users).await;
    assert!(users.get(&ids(&[1])).await.is_empty());
    users.put(&[user(1, 2)]).await;
    assert_eq!(users.get(&ids(&[1])).await, [user(1, 2)]);
}

/// The link notices at its next question at the latest.
async fn is_up_again(link: &Link, users: &RedisUsers) {
    soon("the link to notice", async {
        users.get(&ids(&[9])).await;
        link.wait(false).await;
        link.wait(true).await;
    })
    .await;
}

#[tokio::test]
async fn slow_it_is_left_alone() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let relay = Relay::to(server.port).await;
    let link = linking(impatient(&relay.url()));
    soon("the link", link.wait(true)).await;
    let users = RedisUsers::new(link.clone());
    users.put(&[user(1, 1)]).await;
    relay.delays(Duration::from_secs(2));
    // a few wait their time, then nobody does
    let mut waited = 0;
    while link.is_up() {
        assert!(users.get(&ids(&[1])).await.is_empty());
        waited += 1;
    }
    assert!(waited <= 4, "{waited} questions waited");
    for _ in 0..1_000 {
        let asked = users.get(&ids(&[1])).now_or_never();
        assert_eq!(asked, Some(Vec::new()), "no waiting");
        assert!(users.put(&[user(1, 1)]).now_or_never().is_some());
        assert!(users.changed(&user(1, 2)).now_or_never().is_some());
    }
    relay.delays(Duration::ZERO);
    is_found(&users, &[user(1, 2)]).await;
}

/// Whoever made a change may give up waiting for Redis, or be given up himself: the change is not forgotten.
#[tokio::test]
async fn a_change_that_nobody_waited_for_is_delivered() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let relay = Relay::to(server.port).await;
    let ours = linked_to(&relay.url(), EPOCH).await.unwrap();
    let users = RedisUsers::new(ours);
    users.put(&[user(1, 1)]).await;
    assert!(users.changed(&user(1, 2)).now_or_never().is_none());
    // dropped before it left this process
    let believed = users.get(&ids(&[1])).await;
    assert!(believed.is_empty() || believed == [user(1, 2)]);
    is_found(&users, &[user(1, 2)]).await;
}

#[tokio::test]
async fn rubbish_is_not_there_and_gives_way() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let link = linked_to(&server.url(), EPOCH).await.unwrap();
    let users = RedisUsers::new(link.clone());
    let groups = RedisGroups::new(link.clone());
    let failures = RedisFailures::new(link.clone(), LIMITS);
    let (one, group) = (
        [user(1, 5)],
        [(GroupId::new(1).unwrap(), members(3, [1, 2]))],
    );
    let anna = Attempt {
        name: "anna",
        source: "192.0.2.1".parse().ok(),
    };
    let mut operator = console(&server).await;
    for rubbish in [
        "SET KEY x",
        "SET KEY 99999999999999999999",
        "SET KEY 00000000000000000005{\"id\":2}",
        "SET KEY 00000000000000000003xyz",
        "RPUSH KEY a b",
        "HSET KEY a b",
        "SADD KEY a",
    ] {
        run(&mut operator, "FLUSHALL").await;
        users.put(&one).await;
        groups.put(&group).await;
        failures.failed(anna).await;
        let keys: Vec<String> = cmd("KEYS")
            .arg("*")
            .query_async(&mut operator)
            .await
            .unwrap();
        assert!(keys.len() >= 4, "{keys:?}");
        for key in keys {
            run(&mut operator, &format!("DEL {key}")).await;
            run(&mut operator, &rubbish.replace("KEY", &key)).await;
        }
        assert!(users.get(&ids(&[1])).await.is_empty(), "{rubbish}");
        assert!(groups.get(&[(group[0].0, 3)]).await.is_empty(), "{rubbish}");
        assert_eq!(failures.refuses(anna).await, Some(false), "{rubbish}");
        assert_eq!(failures.failed(anna).await, Some(false), "{rubbish}");
        users.put(&one).await;
        users.changed(&user(1, 6)).await;
        groups.put(&group).await;
        assert_eq!(users.get(&ids(&[1])).await, [user(1, 6)], "{rubbish}");
        assert_eq!(groups.get(&[(group[0].0, 3)]).await, group, "{rubbish}");
        assert!(link.is_up(), "{rubbish}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_no_reason_to_stop() {
    let Some(server) = Server::start(&["--requirepass", "right"]).await else {
        return;
    };
    let address = server.url();
    for (password, let_in) in [(None, false), (Some("wrong"), false), (Some("right"), true)] {
        let address = db_proxy::cache::redis::Address::parse(&address, password).unwrap();
        let link = linking(LinkSettings {
            address,
            ..settings(&server.url(), EPOCH)
        });
        let users = RedisUsers::new(link.clone());
        if let_in {
            soon("the link", link.wait(true)).await;
            users.put(&[user(1, 1)]).await;
            assert_eq!(users.get(&ids(&[1])).await, [user(1, 1)]);
        } else {
            users.changed(&user(1, 1)).await;
            assert!(users.get(&ids(&[1])).await.is_empty());
            assert!(!link.is_up());
        }
    }
}

/// Full, or a replica: it still answers, but takes no change. What it answers is not believed where it lacks one.
#[tokio::test]
async fn without_room_nothing_old_is_believed() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let link = linked_to(&server.url(), EPOCH).await.unwrap();
    let users = RedisUsers::new(link.clone());
    users.put(&[user(1, 1)]).await;
    let mut operator = console(&server).await;
    run(&mut operator, "CONFIG SET maxmemory 1").await;
    users.changed(&user(1, 2)).await;
    soon("the link to be down", link.wait(false)).await;
    assert!(users.get(&ids(&[1])).await.is_empty());
    run(&mut operator, "CONFIG SET maxmemory 0").await;
    soon("the link", link.wait(true)).await;
    assert_eq!(users.get(&ids(&[1])).await, [user(1, 2)]);
}

/// Deployments share a Redis, and a restored database has another epoch: neither meets what is not its own.
#[tokio::test]
async fn each_epoch_has_a_room_of_its_own() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let url = server.url();
    let ours = RedisUsers::new(linked_to(&url, 1).await.unwrap());
    let theirs = RedisUsers::new(linked_to(&url, 2).await.unwrap());
    ours.put(&[user(1, 9)]).await;
    assert!(theirs.get(&ids(&[1])).await.is_empty());
    theirs.put(&[user(1, 1)]).await;
    assert_eq!(theirs.get(&ids(&[1])).await, [user(1, 1)]);
    assert_eq!(ours.get(&ids(&[1])).await, [user(1, 9)]);
}

#[tokio::test]
async fn two_that_count_together_have_one_budget() {
    let Some(mut server) = Server::start(&[]).await else {
        return;
    };
    let url = server.url();
    let one = RedisFailures::new(linked_to(&url, EPOCH).await.unwrap(), LIMITS);
    let two = RedisFailures::new(linked_to(&url, EPOCH).await.unwrap(), LIMITS);
    let anna = Attempt {
        name: "anna",
        source: "192.0.2.1".parse().ok(),
    };
    let guesses = (0..20).map(|n| if n % 2 == 0 { &one } else { &two });
    let judged = futures_util::future::join_all(guesses.map(|guess| guess.failed(anna))).await;
    let borne = judged.iter().filter(|over| **over == Some(false)).count();
    assert_eq!(borne, LIMITS.per_account + 1);
    server.kill();
    // nothing is known any more; each goes on with its own count
    assert_eq!(one.refuses(anna).await, None);
}

/// Accounts that were made and failed logins are counted in the same way and not together.
#[tokio::test]
async fn what_is_counted_apart_does_not_mix() {
    let Some(server) = Server::start(&[]).await else {
        return;
    };
    let link = linked_to(&server.url(), EPOCH).await.unwrap();
    let failures = RedisFailures::new(link.clone(), LIMITS);
    let registrations = RedisFailures::counting("registered", link, LIMITS);
    let here = Attempt {
        name: "anna",
        source: "192.0.2.1".parse().ok(),
    };
    for _ in 0..=LIMITS.per_account {
        assert_eq!(registrations.failed(here).await, Some(false));
    }
    assert_eq!(registrations.refuses(here).await, Some(true));
    assert_eq!(failures.refuses(here).await, Some(false));
}
