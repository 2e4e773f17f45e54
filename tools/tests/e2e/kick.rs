//! One desktop and one phone per user: a newer login displaces the older one of its class, wherever it is.

use proto::im::base_define::{KickReasonType, UserStatType};
use proto::im::buddy::ImpcLoginStatusNotify;
use proto::im::login::{ImKickPcClientReq, ImKickUser, ImLoginReq, ImLoginRes};
use tokio::time::timeout;
use tools::client::{CloseReason, Device};
use tools::cluster::{Role, Topology};

use crate::person::{Person, Raw, login_request};
use crate::world::{PASSWORD, SOON, USUAL, World, soon};

const DISPLACED: CloseReason = CloseReason::Kicked {
    reason: KickReasonType::KickReasonDuplicateUser as i32,
};

const SENT_AWAY: CloseReason = CloseReason::Kicked {
    reason: KickReasonType::KickReasonMobileKick as i32,
};

fn short_grace(topology: &mut Topology) {
    let key = "FERROTALK_LIMITS__KICK_GRACE_SECONDS".to_owned();
    topology
        .environment
        .push((Role::MsgServer, key, "1".into()));
}

#[tokio::test]
async fn a_newer_login_displaces_the_older_one_of_its_class() {
    let world = World::start(USUAL, 1, short_grace).await;
    let phone = Person::at(&world.msg(1), "demo1", Device::Android).await;
    for (old, new, count) in [(0, 1, 1), (1, 0, 1), (0, 0, 2)] {
        let (mut desktop, _) = Raw::at(&world.msg(old), "demo1", Device::Windows).await;
        let newer = Person::at(&world.msg(new), "demo1", Device::Mac).await;
        let pdu = desktop.frame_of::<ImKickUser>().await;
        let kick: ImKickUser = pdu.decode().unwrap();
        assert_eq!(pdu.seq_num(), 0);
        assert_eq!((kick.user_id, kick.kick_reason), (newer.id(), 1));

        // It does not hang up by itself; after the grace the server does. Until then it gets nothing more.
        assert!(desktop.is_closed().await.is_empty());
        let labels = [("listener", "clients"), ("reason", "kicked")];
        let closed = "im_connections_closed_total";
        world
            .counts_to(Role::MsgServer, old, closed, &labels, count)
            .await;
        newer.ping().await.unwrap();
        newer.logout().await.unwrap();
    }
    let newer = Person::at(&world.msg(0), "demo1", Device::Ios).await;
    assert_eq!(soon("a kick", phone.wait_closed()).await, DISPLACED);
    newer.ping().await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_phone_sends_the_own_desktop_away() {
    let world = World::usual(2).await;
    let mut phone = Person::at(&world.msg(0), "demo1", Device::Android).await;
    let mut watcher = Person::at(&world.msg(0), "demo2", Device::Windows).await;
    let status = UserStatType::UserStatusOnline as i32;
    let gone = UserStatType::UserStatusOffline as i32;
    for index in [0, 1] {
        let desktop = Person::at(&world.msg(index), "demo1", Device::Windows).await;
        let told: ImpcLoginStatusNotify = phone.is_sent().await;
        assert_eq!((told.user_id, told.login_stat), (phone.id(), status));
        while watcher.notices().await != (phone.id(), true) {}

        let request = ImKickPcClientReq { user_id: 0 };
        let answer = phone.request(request).await.unwrap();
        assert_eq!((answer.user_id, answer.result_code), (phone.id(), 0));
        assert_eq!(soon("a kick", desktop.wait_closed()).await, SENT_AWAY);
        let told: ImpcLoginStatusNotify = phone.is_sent().await;
        assert_eq!((told.user_id, told.login_stat), (phone.id(), gone));
        assert_eq!(watcher.notices().await, (phone.id(), false));
    }
    // With nobody to send away it is answered all the same.
    let request = ImKickPcClientReq { user_id: 0 };
    assert_eq!(phone.request(request).await.unwrap().result_code, 0);
    // A phone that comes later is told at once what it needs to know.
    let desktop = Person::at(&world.msg(1), "demo1", Device::Mac).await;
    let told: ImpcLoginStatusNotify = phone.is_sent().await;
    assert_eq!(told.login_stat, status);
    let mut newer = Person::at(&world.msg(1), "demo1", Device::Ios).await;
    let told: ImpcLoginStatusNotify = newer.is_sent().await;
    assert_eq!(told.login_stat, status);
    desktop.ping().await.unwrap();
    world.end().await;
}

/// Logs a user in on several connections at the same moment and waits until the dust has settled; says how many are
/// left.
async fn left_of(world: &World, addresses: [usize; 2], user: &str) -> usize {
    let connections = addresses.map(|index| world.msg(index));
    let (mut one, mut two) = (
        Raw::connect(&connections[0]).await,
        Raw::connect(&connections[1]).await,
    );
    let request: ImLoginReq = login_request(user, PASSWORD, Device::Windows);
    one.tell(&request, 1).await;
    two.tell(&request, 1).await;
    let login = async |raw: &mut Raw| {
        let answer: ImLoginRes = raw.answer(1).await;
        assert_eq!(answer.result_code, 0);
    };
    tokio::join!(login(&mut one), login(&mut two));
    let [one, two] = [one, two].map(|raw| async move {
        let mut raw = raw;
        raw.frame_of::<ImKickUser>().await;
        raw
    });
    // One of them is told to go …
    let kicked = async {
        let (mut one, mut two) = (Box::pin(one), Box::pin(two));
        tokio::select! {
            raw = &mut one => (raw, futures_util::future::Either::Left(two)),
            raw = &mut two => (raw, futures_util::future::Either::Right(one)),
        }
    };
    let Ok((gone, other)) = timeout(SOON / 2, kicked).await else {
        return 2;
    };
    drop(gone);
    // … and the other one is not, also not a moment later: what route_server passes on has passed by then.
    let also = async {
        for index in [0, 1, 0, 1] {
            let watcher = Person::at(&world.msg(index), "demo2", Device::Windows).await;
            watcher.users_status(vec![1]).await.unwrap();
        }
    };
    tokio::select! {
        biased;
        _raw = other => 0,
        () = also => 1,
    }
}

#[tokio::test]
async fn of_two_logins_at_the_same_moment_one_is_left() {
    let world = World::start(USUAL, 2, short_grace).await;
    for round in 0..40 {
        let addresses = [[0, 1], [1, 0]][round % 2];
        assert_eq!(
            left_of(&world, addresses, "demo1").await,
            1,
            "round {round}"
        );
    }
    for round in 0..20 {
        assert_eq!(left_of(&world, [0, 0], "demo1").await, 1, "round {round}");
    }
    world.end().await;
}
