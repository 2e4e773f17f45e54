//! Groups: a message goes to the msg_servers that have a member, and to no other.

use im_base::testkit::TestPeer;
use proto::im::base_define::{GroupModifyType, MsgType};
use proto::im::buddy::ImSignInfoChangedNotify;
use proto::im::ext::group::{ImGroupInterest, ImGroupMembers};
use proto::im::group::ImGroupChangeMemberNotify;
use proto::im::message::ImMsgData;
use proto::im::server::ImRoleSet;
use tokio::net::TcpStream;

use crate::support::{MsgServer, OFFLINE, Route, WINDOWS, message};

const GROUP: u32 = 40;

impl MsgServer {
    async fn interest(&mut self, begun: &[u32], ended: &[u32]) {
        let said = ImGroupInterest {
            begun: begun.to_vec(),
            ended: ended.to_vec(),
        };
        self.0.send(&said, 0).await;
        self.is_served().await;
    }

    async fn next_message(&mut self) -> ImMsgData {
        self.next_relayed().await.decode().unwrap()
    }
}

fn group_message(group: u32, msg_id: u32) -> ImMsgData {
    ImMsgData {
        msg_type: MsgType::GroupText as i32,
        group_version: Some(3),
        ..message(1, group, msg_id)
    }
}

#[tokio::test]
async fn a_message_goes_to_those_who_have_a_member() {
    let route = Route::start().await;
    let mut sender = route.msg_server(&[(1, WINDOWS)]).await;
    let mut member = route.msg_server(&[(2, WINDOWS)]).await;
    let mut other = route.msg_server(&[(3, WINDOWS)]).await;
    sender.interest(&[GROUP], &[]).await;
    member.interest(&[GROUP, 41], &[]).await;
    // Somebody with the number of the group is nobody's member by that.
    other.update(GROUP, WINDOWS, 1).await;
    other.is_served().await;

    sender.0.send(&group_message(GROUP, 1), 0).await;
    assert_eq!(member.next_message().await, group_message(GROUP, 1));
    member.interest(&[], &[GROUP]).await;
    other.interest(&[GROUP], &[]).await;
    sender.0.send(&group_message(GROUP, 2), 0).await;
    sender.0.send(&group_message(41, 1), 0).await;
    assert_eq!(
        other.next_message().await.msg_id,
        2,
        "the first was not for it"
    );
    assert_eq!(member.next_message().await, group_message(41, 1));
    route.end().await;
}

#[tokio::test]
async fn a_new_group_needs_no_word_from_those_who_have_its_members() {
    let route = Route::start().await;
    let mut sender = route.msg_server(&[(1, WINDOWS)]).await;
    let mut member = route.msg_server(&[(2, WINDOWS)]).await;
    let members = ImGroupMembers {
        group_id: GROUP,
        version: 1,
        member_id: vec![1, 2],
        attach_data: None,
    };
    sender.0.send(&members, 0).await;
    sender.0.send(&group_message(GROUP, 1), 0).await;
    let told = member.next_relayed().await;
    assert_eq!(told.decode::<ImGroupMembers>().unwrap(), members);
    assert_eq!(member.next_message().await.msg_id, 1);

    let changed = ImGroupChangeMemberNotify {
        user_id: 1,
        change_type: GroupModifyType::Add as i32,
        group_id: 41,
        cur_user_id_list: vec![1, 2],
        chg_user_id_list: vec![2],
        group_version: Some(2),
    };
    sender.0.send(&changed, 0).await;
    sender.0.send(&group_message(41, 1), 0).await;
    let told = member.next_relayed().await;
    assert_eq!(told.decode::<ImGroupChangeMemberNotify>().unwrap(), changed);
    assert_eq!(member.next_message().await.to_session_id, 41);
    route.end().await;
}

#[tokio::test]
async fn who_was_away_gets_the_messages_of_its_groups_and_every_change() {
    let route = Route::start().await;
    let mut sender = route.msg_server(&[(1, WINDOWS)]).await;
    sender.0.send(&group_message(GROUP, 1), 0).await;
    sender.0.send(&group_message(41, 1), 0).await;
    let signature = ImSignInfoChangedNotify {
        changed_user_id: 1,
        sign_info: "new".to_owned(),
        ..Default::default()
    };
    sender.0.send(&signature, 0).await;
    sender.is_served().await;

    let stream = TcpStream::connect(route.started.servers).await.unwrap();
    let mut back = MsgServer(TestPeer::new(stream));
    let begun = ImGroupInterest {
        begun: vec![41],
        ended: vec![],
    };
    back.0.send(&begun, 0).await;
    back.0.send(&ImRoleSet { master: 1 }, 0).await;
    assert_eq!(back.next_message().await, group_message(41, 1));
    let told = back.next_relayed().await;
    assert_eq!(told.decode::<ImSignInfoChangedNotify>().unwrap(), signature);
    route.end().await;
}

#[tokio::test]
async fn a_lost_msg_server_needs_nothing_any_more() {
    let route = Route::start().await;
    let mut sender = route.msg_server(&[(1, WINDOWS)]).await;
    let mut member = route.msg_server(&[(2, WINDOWS)]).await;
    member.interest(&[GROUP], &[]).await;
    drop(member);
    while sender.told().await != (2, OFFLINE) {}
    let mut fresh = route.msg_server(&[(3, WINDOWS)]).await;
    sender.0.send(&group_message(GROUP, 1), 0).await;
    sender.0.send(&message(1, 3, 1), 0).await;
    assert_eq!(fresh.next_message().await.to_session_id, 3);
    route.end().await;
}
