//! Steps that users take in groups, whatever they are.

use std::time::Duration;

use db_proxy::store::{
    Direction, GroupBounds, GroupDetails, GroupJoining, GroupMember, GroupRequest,
    GroupRequestState, GroupRole, GroupSettings, GroupStep, GroupStepOutcome, GroupStepRefusal,
    GroupStepped, GroupWish, MemberSettings, RequestKey, UnixMillis,
};
use futures_util::future::join_all;
use proto::ids::{GroupId, UserId};

use crate::bed::Bed;

pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn bounds() -> GroupBounds {
    GroupBounds {
        members: 5,
        per_user: 3,
        admins: 2,
        applications: 2,
        invitations: 3,
        requests_of_user: 2,
        waiting: LONG,
    }
}

pub(crate) fn wish(user: UserId, group: GroupId, step: GroupStep) -> GroupWish {
    GroupWish {
        user,
        group,
        step,
        bounds: bounds(),
        request: None,
    }
}

impl Bed {
    pub(crate) async fn tried(
        &self,
        user: UserId,
        group: GroupId,
        step: GroupStep,
    ) -> GroupStepOutcome {
        let taken = self.store.take_group_step(&wish(user, group, step)).await;
        taken.unwrap()
    }

    pub(crate) async fn done(&self, user: UserId, group: GroupId, step: GroupStep) -> GroupStepped {
        self.tried(user, group, step).await.unwrap()
    }

    pub(crate) async fn is_refused(
        &self,
        user: UserId,
        group: GroupId,
        step: GroupStep,
    ) -> GroupStepRefusal {
        let before = self.state(group).await;
        let refusal = self.tried(user, group, step).await.unwrap_err();
        assert_eq!(self.state(group).await, before, "nothing changed");
        refusal
    }

    /// A group of these users that is as it says.
    pub(crate) async fn group_with(&self, members: &[UserId], settings: GroupSettings) -> GroupId {
        let group = self.group(members).await;
        self.done(members[0], group, GroupStep::Set(settings)).await;
        group
    }

    pub(crate) async fn details(&self, group: GroupId) -> Option<GroupDetails> {
        let anybody = UserId::new(u32::MAX).unwrap();
        let view = self.store.group_view(anybody, group, UnixMillis(0)).await;
        view.unwrap().map(|view| view.details)
    }

    pub(crate) async fn roll(&self, group: GroupId) -> Vec<GroupMember> {
        self.store.group_roll(group, None, 1_000).await.unwrap()
    }

    pub(crate) async fn roles(&self, group: GroupId) -> Vec<(UserId, GroupRole)> {
        let roll = self.roll(group).await;
        roll.iter()
            .map(|member| (member.user, member.role))
            .collect()
    }

    pub(crate) async fn waiting(&self, user: UserId) -> Vec<GroupRequest> {
        let since = UnixMillis::now().before(LONG);
        let found = self.store.group_requests(user, since, None, 1_000).await;
        found.unwrap()
    }

    pub(crate) async fn state(&self, group: GroupId) -> (Option<GroupDetails>, Vec<GroupMember>) {
        (self.details(group).await, self.roll(group).await)
    }

    /// As if everything that waits had been asked for two hours ago.
    pub(crate) async fn requests_are_old(&self) {
        self.database
            .execute("UPDATE group_requests SET changed_at_ms = changed_at_ms - 7200000")
            .await;
    }
}

pub(crate) fn join() -> GroupStep {
    GroupStep::Join {
        greeting: "hello".to_owned(),
    }
}

pub(crate) fn invite(users: &[UserId]) -> GroupStep {
    GroupStep::Invite {
        users: users.to_vec(),
        greeting: String::new(),
    }
}

pub(crate) fn decide(applicant: UserId, accept: bool) -> GroupStep {
    GroupStep::Decide { applicant, accept }
}

pub(crate) fn joining(joining: GroupJoining) -> GroupSettings {
    GroupSettings {
        joining: Some(joining),
        ..GroupSettings::default()
    }
}

pub(crate) fn member(member: UserId, settings: MemberSettings) -> GroupStep {
    GroupStep::SetMember { member, settings }
}

pub(crate) fn admin(user: UserId, admin: bool) -> GroupStep {
    let settings = MemberSettings {
        admin: Some(admin),
        ..MemberSettings::default()
    };
    member(user, settings)
}

pub(crate) fn mute(user: UserId, muted: Duration) -> GroupStep {
    let settings = MemberSettings {
        muted: Some(muted),
        ..MemberSettings::default()
    };
    member(user, settings)
}

pub(crate) fn called(user: UserId, nickname: &str) -> GroupStep {
    let settings = MemberSettings {
        nickname: Some(nickname.to_owned()),
        ..MemberSettings::default()
    };
    member(user, settings)
}

pub(crate) fn told(stepped: &GroupStepped) -> Vec<(UserId, GroupRequestState, Vec<UserId>)> {
    let told = stepped.requests.iter();
    told.map(|(request, users)| (request.user, request.state, users.clone()))
        .collect()
}

pub(crate) async fn a_step_asked_for_again_is_answered_again(bed: Bed) {
    let [owner, a, b] = bed.users().await;
    let group = bed
        .group_with(&[owner, a], joining(GroupJoining::Open))
        .await;
    let keyed = |user, key: &[u8], step| GroupWish {
        request: RequestKey::of_step(user, key),
        ..wish(user, group, step)
    };
    let take = async |wish: &GroupWish| bed.store.take_group_step(wish).await.unwrap();
    let came = keyed(b, b"1", join());
    let first = take(&came).await.unwrap();
    let again = take(&came).await.unwrap();
    assert_eq!(again.comings, first.comings);
    assert_eq!(again.details, first.details);
    let set = GroupStep::Set(GroupSettings {
        muted: Some(LONG),
        ..GroupSettings::default()
    });
    let muted = keyed(owner, b"2", set);
    let first = take(&muted).await.unwrap();
    let again = take(&muted).await.unwrap();
    assert_eq!(again.details, first.details, "not from now on once more");
    let ended = keyed(owner, b"3", GroupStep::Disband);
    let first = take(&ended).await.unwrap();
    let again = take(&ended).await.unwrap();
    assert_eq!(again.comings, first.comings);
    assert_eq!((again.changed, again.is_member), (None, false));
}

pub(crate) async fn an_owner_who_is_gone_is_followed(bed: Bed) {
    use GroupRole::{Member, Owner};

    let [a, b, c, d] = bed.users().await;
    let group = bed.group(&[a, b, c, d]).await;
    bed.done(a, group, admin(c, true)).await;
    let left = bed.change(group, a, Direction::Leave, &[a]).await.unwrap();
    let passed = left.inherited.unwrap();
    assert_eq!((passed.owner.user, passed.details.owner), (c, Some(c)));
    assert_eq!(passed.details.version, left.version, "one change");
    assert_eq!(
        bed.roles(group).await,
        [(b, Member), (c, Owner), (d, Member)]
    );
    let closed = bed.store.close_account(c, "hash").await.unwrap().unwrap();
    assert_eq!(
        closed.inherited[0].owner.user, b,
        "who has been in it for longest"
    );
    let left = bed.change(group, None, Direction::Leave, &[d]).await;
    assert_eq!(left.unwrap().inherited, None);
    let closed = bed.store.close_account(b, "hash").await.unwrap().unwrap();
    assert_eq!(closed.inherited, []);
    assert_eq!(bed.details(group).await, None, "nobody is left");
}

pub(crate) async fn steps_at_two_stores_at_once_come_one_after_the_other(bed: Bed) {
    let users: [UserId; 12] = bed.users().await;
    let group = bed
        .group_with(&users[..1], joining(GroupJoining::Open))
        .await;
    let other = bed.database.open().await;
    let joins = users[1..].iter().enumerate().map(|(n, user)| {
        let store = if n % 2 == 0 { &bed.store } else { &other };
        let wish = wish(*user, group, join());
        async move { store.take_group_step(&wish).await.unwrap() }
    });
    let outcomes = join_all(joins).await;
    let came = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(came, 4, "with the owner as many as there may be");
    let versions = outcomes.iter().flatten().map(|came| came.details.version);
    let mut versions: Vec<_> = versions.collect();
    versions.sort_unstable();
    assert_eq!(versions, [3, 4, 5, 6]);
    assert_eq!(bed.members(group).await.members.len(), 5);
}
