//! Load on a whole installation: everything that is sent arrives, once and in order.

use tools::client::TlsArgs;
use tools::fuzzer::load::{Place, Scenario, StopToken, Target, play};
use tools::fuzzer::outcome::{Counter, Ending, Outcome, Timing};
use tools::fuzzer::permit::Permit;

use crate::world::{PASSWORD, USUAL, World};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pdu-fuzzer");

/// An installation with that many users whom nobody holds back.
async fn unlimited(users: u32) -> World {
    World::start(USUAL, users, |topology| topology.limits = false).await
}

/// Both msg_servers, dialled in turn.
fn servers(world: &World) -> Place {
    let ports = &world.topology().ports.msg;
    Place::Servers(
        ports
            .iter()
            .map(|ports| format!("127.0.0.1:{}", ports.tcp))
            .collect(),
    )
}

/// Plays a scenario on a thread of its own, for it blocks.
async fn run(place: Place, text: &str) -> Outcome {
    let scenario = Scenario::parse(text).unwrap();
    let target = Target {
        place,
        permit: Permit::LOOPBACK,
        password: PASSWORD.to_owned(),
        tls: TlsArgs::default(),
        program: Some(PROGRAM.into()),
    };
    let playing = move || play(&scenario, &target, &mut (), StopToken::default());
    let played = tokio::task::spawn_blocking(playing).await;
    played.unwrap().unwrap()
}

fn assert_kept(outcome: &Outcome) {
    assert_eq!(outcome.ending, Ending::Complete);
    assert!(!outcome.counts.is_broken_promise(), "{:?}", outcome.counts);
    assert_eq!(outcome.counts[Counter::Unanswered], 0);
    assert_eq!(outcome.counts[Counter::Dropped], 0);
}

#[tokio::test]
async fn pairs_on_two_servers_hear_everything_they_write() {
    let world = unlimited(20).await;
    let text = "
name = \"pairs\"
users = 20
seconds = 60
processes = 2
[one-to-one]
both-ways = true
window = 8
messages = 2000
";
    let outcome = run(servers(&world), text).await;
    assert_kept(&outcome);
    for counter in [
        Counter::Sent,
        Counter::Acked,
        Counter::Expected,
        Counter::Delivered,
    ] {
        assert_eq!(outcome.counts[counter], 2000, "{:?}", outcome.counts);
    }
    world.end().await;
}

#[tokio::test]
async fn a_group_hears_what_one_of_it_writes() {
    let world = unlimited(20).await;
    let login = Place::Login(world.cluster.login_url());
    let text = "
name = \"group\"
users = 20
seconds = 60
[group]
size = 10
online-share = 0.8
window = 4
messages = 200
";
    let outcome = run(login, text).await;
    assert_kept(&outcome);
    assert_eq!(outcome.counts[Counter::Acked], 200);
    assert_eq!(outcome.counts[Counter::Delivered], 200 * 7);
    world.end().await;
}

#[tokio::test]
async fn tokens_are_good_for_one_login_each_and_bring_the_next() {
    let world = unlimited(10).await;
    let text = "
name = \"resume\"
users = 10
seconds = 2
client = \"phone\"
[logins]
resumed = true
hold = false
concurrency = 4
";
    let outcome = run(servers(&world), text).await;
    assert_kept(&outcome);
    assert_eq!(outcome.counts[Counter::LoggedIn], 10);
    assert_eq!(outcome.counts[Counter::LoginFailed], 0);
    let resumed = outcome.counts[Counter::Resumed];
    assert!(resumed >= 10, "{:?}", outcome.counts);
    let times = outcome.timings.get(Timing::Resume).unwrap();
    assert_eq!(times.len(), resumed);
    world.end().await;
}

#[tokio::test]
async fn everybody_is_back_after_a_storm_and_hears_again() {
    let world = unlimited(20).await;
    let text = "
name = \"storm\"
users = 20
seconds = 5
[one-to-one]
rate = 50.0
[storm]
after-seconds = 1.0
";
    let outcome = run(servers(&world), text).await;
    assert_eq!(outcome.ending, Ending::Complete);
    assert!(!outcome.counts.is_broken_promise(), "{:?}", outcome.counts);
    assert_eq!(outcome.counts[Counter::LoggedIn], 40);
    assert_eq!(outcome.counts[Counter::LoginFailed], 0);
    assert!(outcome.counts[Counter::Delivered] > 0);
    world.end().await;
}
