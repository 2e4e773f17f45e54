//! Groups that their members run: how others come in, who may do what, and which devices hear of it.

use proto::capability::{GROUPS, SYNC};
use proto::im::base_define::GroupModifyType;
use proto::im::ext::group::{
    GroupDetails, GroupJoining, GroupRequest, GroupRequestState, GroupRole, ImGroupChanged,
    ImGroupMemberSetReq, ImGroupSetReq,
};
use tools::client::{Address, Conversation, Device, Event, GroupError, Outgoing, SendError};

use crate::person::Person;
use crate::world::{PASSWORD, World};

/// Numbers of commands from here on in each service are unknown to stock clients.
const FIRST_EXTENSION: u16 = 0x80;

impl Person {
    /// Logs in with a client that understands groups.
    async fn with_groups(address: &Address, user: &str, device: Device) -> Self {
        Self::announcing(address, user, device, GROUPS | SYNC).await
    }

    /// The next notice that a group is another.
    async fn group_is(&mut self) -> ImGroupChanged {
        self.sees("a changed group", |event| match event {
            Event::GroupIs(changed) => Some(changed),
            _ => None,
        })
        .await
    }

    /// The next notice about a request.
    async fn request_is(&mut self, state: GroupRequestState) -> GroupRequest {
        let request = self.sees("a request", |event| match event {
            Event::GroupRequest(request) => Some(request),
            _ => None,
        });
        let request = request.await;
        assert_eq!(request.state, state as i32, "{request:?}");
        request
    }

    async fn writes_in(&self, group: u32, text: &str) -> bool {
        let text = Outgoing::text(Conversation::Group(group), text);
        match self.send(&text).await {
            Ok(_) => true,
            Err(SendError::Refused) => false,
            Err(error) => panic!("{error}"),
        }
    }

    async fn roles_in(&self, group: u32) -> Vec<(u32, i32)> {
        let page = self.group_page(group, None).await.unwrap();
        let roles = page.members.iter().map(|one| (one.user_id, one.role));
        roles.collect()
    }

    /// Of what came until now, what only clients with extensions know.
    async fn heard_of_extensions(&mut self) -> Vec<Event> {
        let mut came = self.so_far().await;
        came.retain(|event| match event {
            Event::GroupIs(_) | Event::GroupRequest(_) => true,
            Event::Other(pdu) => pdu.command().0 & 0xff >= FIRST_EXTENSION,
            _ => false,
        });
        came
    }
}

fn refused<T>(taken: Result<T, GroupError>) -> String {
    match taken {
        Err(GroupError::Refused(reason)) => reason,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was taken"),
    }
}

/// Two devices of the owner and of somebody who comes, crosswise on two msg_servers; and a stock client in the same group.
struct Company {
    ann: Person,
    anns_phone: Person,
    bob: Person,
    bobs_phone: Person,
    stock: Person,
    group: u32,
}

impl Company {
    async fn of(world: &World) -> Self {
        let (here, there) = (world.msg(0), world.msg(1));
        let ann = Person::with_groups(&here, "demo1", Device::Windows).await;
        let stock = Person::at(&there, "demo3", Device::Windows).await;
        let group = ann.create_group("company", vec![ann.id(), stock.id()]);
        let group = group.await.unwrap().unwrap();
        Self {
            anns_phone: Person::with_groups(&there, "demo1", Device::Ios).await,
            bob: Person::with_groups(&there, "demo2", Device::Mac).await,
            bobs_phone: Person::with_groups(&here, "demo2", Device::Android).await,
            ann,
            stock,
            group,
        }
    }

    async fn lets_in(&self, joining: GroupJoining) -> GroupDetails {
        let change = ImGroupSetReq {
            group_id: self.group,
            joining: Some(joining as i32),
            ..Default::default()
        };
        self.ann.set_group(change).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn who_applies_or_is_invited_comes_in_and_all_devices_hear_of_it() {
    let world = World::usual(4).await;
    let mut company = Company::of(&world).await;
    let group = company.group;
    assert_eq!(refused(company.bob.join_group(group, "").await), "not_open");
    let page = company.bob.group_page(group, None).await;
    assert_eq!(refused(page), "not_a_member");
    let set = company.lets_in(GroupJoining::Approval).await;
    let told = company.anns_phone.group_is().await;
    assert_eq!((told.user_id, &told.group), (company.ann.id(), &set));

    let Company {
        mut ann,
        mut anns_phone,
        mut bob,
        mut bobs_phone,
        mut stock,
        ..
    } = company;
    let (a, b, s) = (ann.id(), bob.id(), stock.id());
    let page = bob.group_page(group, None).await.unwrap();
    assert_eq!(
        (page.group.name.as_str(), page.members.len()),
        ("company", 0)
    );
    let waits = bob.join_group(group, "it is Bob").await.unwrap();
    assert_eq!(waits, None);
    for device in [&mut ann, &mut anns_phone, &mut bobs_phone] {
        let request = device.request_is(GroupRequestState::Waiting).await;
        assert_eq!((request.user_id, request.greeting()), (b, "it is Bob"));
    }
    let listed = anns_phone.group_requests(None).await.unwrap();
    assert_eq!(listed.requests.len(), 1);
    assert!(listed.next.is_none());

    // Answered on the phone.
    let taken_in = anns_phone.answer_applicant(group, b, true).await.unwrap();
    assert_eq!(taken_in.unwrap().member_cnt, 3);
    for device in [&mut ann, &mut bob, &mut bobs_phone, &mut stock] {
        let notice = device.is_told().await;
        assert_eq!((notice.user_id, notice.group_id), (a, group));
        assert_eq!(notice.change_type, GroupModifyType::Add as i32);
        let mut members = notice.cur_user_id_list.clone();
        members.sort_unstable();
        let mut all = vec![a, b, s];
        all.sort_unstable();
        assert_eq!((members, notice.chg_user_id_list), (all, vec![b]));
    }
    bob.request_is(GroupRequestState::Accepted).await;
    assert!(bob.writes_in(group, "thanks").await);
    for device in [&mut ann, &mut anns_phone, &mut bobs_phone, &mut stock] {
        assert_eq!(device.reads().await.2, "thanks");
    }

    // Who is away finds the invitation when he is back.
    let d = {
        let dan = Person::with_groups(&world.msg(0), "demo4", Device::Windows).await;
        let id = dan.id();
        dan.logout().await.unwrap();
        id
    };
    bob.invite_to_group(group, vec![d], "come").await.unwrap();
    let dan = Person::with_groups(&world.msg(1), "demo4", Device::Windows).await;
    let invited = dan.group_requests(None).await.unwrap().requests;
    assert_eq!(
        (invited[0].by_user_id, invited[0].group_name()),
        (b, "company")
    );
    let came = dan.answer_invitation(group, true).await.unwrap();
    assert_eq!(came.unwrap().member_cnt, 4);
    assert_eq!(stock.is_told().await.user_id, d, "he came by himself");
    assert_eq!(bob.is_told().await.chg_user_id_list, [d]);
    let accepted = bob.request_is(GroupRequestState::Accepted).await;
    assert_eq!(accepted.user_id, d);
    assert!(dan.writes_in(group, "here I am").await);
    assert_eq!(stock.reads().await.2, "here I am");

    // And goes again, of his own accord.
    dan.leave_group(group).await.unwrap();
    let gone = stock.is_told().await;
    assert_eq!((gone.user_id, gone.chg_user_id_list), (d, vec![d]));
    assert!(!dan.writes_in(group, "?").await);
    assert_eq!(refused(ann.leave_group(group).await), "owner_must_transfer");
    let heard = stock.heard_of_extensions().await;
    assert!(heard.is_empty(), "{heard:?}");
    world.end().await;
}

#[tokio::test]
async fn owner_and_admins_run_a_group_until_it_ends() {
    let world = World::usual(3).await;
    let company = Company::of(&world).await;
    let group = company.group;
    company.lets_in(GroupJoining::Open).await;
    company.bobs_phone.join_group(group, "").await.unwrap();
    let Company {
        mut ann,
        mut anns_phone,
        mut bob,
        mut bobs_phone,
        mut stock,
        ..
    } = company;
    let (a, b, s) = (ann.id(), bob.id(), stock.id());
    for device in [&mut ann, &mut anns_phone, &mut bob, &mut stock] {
        assert_eq!(device.is_told().await.user_id, b);
    }
    let member = |member_user_id| ImGroupMemberSetReq {
        group_id: group,
        member_user_id,
        ..Default::default()
    };
    let admin = ImGroupMemberSetReq {
        admin: Some(true),
        ..member(b)
    };
    let refusal = bob.set_group_member(admin.clone()).await;
    assert_eq!(refused(refusal), "not_permitted");
    ann.set_group_member(admin).await.unwrap();
    for device in [&mut bob, &mut bobs_phone] {
        let told = device.group_is().await;
        assert_eq!(told.member[0].role, GroupRole::Admin as i32);
    }

    // An admin silences the stock client, which is just refused; then nobody but admins writes.
    let muted = |muted_seconds| ImGroupMemberSetReq {
        muted_seconds: Some(muted_seconds),
        ..member(s)
    };
    bob.set_group_member(muted(600)).await.unwrap();
    assert!(!stock.writes_in(group, "?").await);
    bob.set_group_member(muted(0)).await.unwrap();
    assert!(stock.writes_in(group, "again").await);
    let change = ImGroupSetReq {
        group_id: group,
        name: Some("the company".to_owned()),
        announcement: Some("quiet now".to_owned()),
        muted_seconds: Some(600),
        ..Default::default()
    };
    let set = bob.set_group(change).await.unwrap().unwrap();
    assert_eq!(set.announcement(), "quiet now");
    assert!(!stock.writes_in(group, "?").await);
    assert!(ann.writes_in(group, "but I do").await);
    for device in [&mut anns_phone, &mut bob, &mut bobs_phone, &mut stock] {
        let said = device.sees("what the owner says", |event| match event {
            Event::Message(message) if message.from == a => Some(message),
            _ => None,
        });
        assert_eq!(said.await.text().unwrap(), "but I do");
    }
    // A stock client finds the other name by the version.
    let info = stock.groups_info(vec![group]).await.unwrap();
    assert_eq!(
        (info[0].group_name.as_str(), info[0].version),
        ("the company", set.version)
    );

    let refusal = bob.transfer_group(group, a).await.unwrap();
    assert_eq!(refusal.unwrap().owner_user_id, a, "she is it already");
    ann.transfer_group(group, b).await.unwrap();
    let told = loop {
        let told = bobs_phone.group_is().await;
        if told.group.owner_user_id == b {
            break told;
        }
    };
    assert_eq!(told.member.len(), 2);
    let mut roles = vec![
        (a, GroupRole::Admin as i32),
        (b, GroupRole::Owner as i32),
        (s, GroupRole::Member as i32),
    ];
    roles.sort_unstable();
    assert_eq!(bob.roles_in(group).await, roles);
    let info = stock.groups_info(vec![group]).await.unwrap();
    assert_eq!(info[0].group_creator_id, b);

    assert_eq!(refused(ann.disband_group(group).await), "not_permitted");
    bob.disband_group(group).await.unwrap();
    for device in [&mut ann, &mut anns_phone, &mut bobs_phone, &mut stock] {
        let notice = device.is_told().await;
        assert_eq!(notice.change_type, GroupModifyType::Del as i32);
        assert!(notice.cur_user_id_list.is_empty());
        assert_eq!(notice.chg_user_id_list.len(), 3);
    }
    assert!(!ann.writes_in(group, "?").await);
    assert_eq!(refused(bob.join_group(group, "").await), "no_such_group");
    let heard = stock.heard_of_extensions().await;
    assert!(heard.is_empty(), "{heard:?}");
    world.end().await;
}

/// The owner deletes his account: the oldest member is the owner then, and hears of it.
#[tokio::test]
async fn a_group_whose_owner_is_gone_has_another() {
    let world = World::usual(3).await;
    let company = Company::of(&world).await;
    let group = company.group;
    company.lets_in(GroupJoining::Open).await;
    company.bob.join_group(group, "").await.unwrap();
    let Company {
        ann,
        mut bob,
        stock,
        ..
    } = company;
    ann.delete_account(PASSWORD).await.unwrap();
    let told = loop {
        let told = bob.group_is().await;
        if told.group.owner_user_id == stock.id() {
            break told;
        }
    };
    assert_eq!(told.group.member_cnt, 2);
    // The stock client owns it, and does what owners do in the stock way.
    let removed = stock.remove_members(group, vec![bob.id()]).await.unwrap();
    assert_eq!(removed.chg_user_id_list, [bob.id()]);
    world.end().await;
}
