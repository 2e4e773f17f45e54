//! Everything that changed since a device was last here.

use bytes::Bytes;
use proto::im::base_define::{ClientType, GroupInfo};
use proto::im::ext::message::{ImSyncReq, ImSyncRsp, KnownConversation, SyncConversation};

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::device::Device;
use crate::conform::expect::{fail, holds, same};

cases! {
    /// Who shows no cursor gets everything: conversations with their newest messages, groups with their members, users.
    "ferrotalk/sync-everything" everything in Sync {
        commands: [ImSyncReq],
        needs: [Ferrotalk],
    }
    /// With a cursor comes what was written since, and how far was read.
    "ferrotalk/sync-messages" messages in Sync {
        commands: [ImSyncReq],
        needs: [Ferrotalk],
    }
    /// Reading a conversation and taking it off the list on one device comes to the others.
    "ferrotalk/sync-read-and-hidden" read_and_hidden in Sync {
        commands: [ImSyncReq],
        needs: [Ferrotalk],
    }
    /// Groups come with all members when these change, and are named when one is not in them any more.
    "ferrotalk/sync-groups" groups in Sync {
        commands: [ImSyncReq],
        needs: [Ferrotalk],
    }
    /// Messages up to the one that is known do not come again.
    "ferrotalk/sync-known" known in Sync {
        commands: [ImSyncReq],
        needs: [Ferrotalk],
    }
    /// Of one conversation come as many messages as are wanted, the newest; the first one left out is named.
    "ferrotalk/sync-hole" hole in Sync {
        commands: [ImSyncReq],
        needs: [Ferrotalk],
    }
    /// A cursor that is none leads to everything, and to a word that it does.
    "ferrotalk/sync-reset" reset in Sync {
        commands: [ImSyncReq],
        needs: [Ferrotalk],
    }
    /// Who says that he knows more than 2,000 conversations, or one of no kind, is refused.
    "ferrotalk/sync-refused" refused in Sync {
        commands: [ImSyncReq],
        needs: [Ferrotalk],
    }
}

/// Pages that a case reads at most: what was stored before it is none of its business.
const PAGES: usize = 1_000;

/// All pages, put together.
#[derive(Default)]
struct Told {
    cursor: Option<Bytes>,
    pages: Vec<ImSyncRsp>,
}

impl Told {
    /// What the last page that tells of a conversation says.
    fn talk(&self, with: Conversation) -> Outcome<&SyncConversation> {
        let mut talks = self.pages.iter().flat_map(|page| &page.conversation);
        let found =
            talks.rfind(|talk| Conversation::from_wire(talk.session_id, talk.session_type) == with);
        match found {
            Some(talk) => Ok(talk),
            None => fail(format!("news of {with:?}"), "none"),
        }
    }

    fn group(&self, group: Conversation) -> Option<&GroupInfo> {
        let mut groups = self.pages.iter().flat_map(|page| &page.group);
        groups.rfind(|info| info.group_id == group.id())
    }

    fn left(&self, group: Conversation) -> bool {
        let mut left = self.pages.iter().flat_map(|page| &page.left_group_id);
        left.any(|id| *id == group.id())
    }
}

async fn sync(device: &mut Device, cursor: Option<&Bytes>) -> Outcome<Told> {
    let request = ImSyncReq {
        cursor: cursor.cloned(),
        ..Default::default()
    };
    sync_with(device, request).await
}

async fn sync_with(device: &mut Device, mut request: ImSyncReq) -> Outcome<Told> {
    let mut told = Told::default();
    for page in 0..PAGES {
        let answer = device.ask(&request).await?;
        same("user_id", answer.user_id, device.id)?;
        same("result_code", answer.result_code, 0)?;
        holds("a cursor", answer.cursor.is_some(), &answer)?;
        holds(
            "no reset but at the beginning",
            page == 0 || !answer.reset(),
            page,
        )?;
        request.cursor.clone_from(&answer.cursor);
        told.cursor.clone_from(&answer.cursor);
        let more = answer.more();
        told.pages.push(answer);
        if !more {
            return Ok(told);
        }
    }
    fail(format!("an end within {PAGES} pages"), "more")
}

fn ids(talk: &SyncConversation) -> Vec<u32> {
    talk.msg_list.iter().map(|message| message.msg_id).collect()
}

async fn everything(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let data = ctx.text();
    let last = alice.says(bob.id, &data).await?;
    let group = bob.makes_group(&[alice.id, bob.id]).await?;
    let told = sync(&mut bob, None).await?;
    let talk = told.talk(Conversation::User(alice.id))?;
    same("latest_msg_id", talk.latest_msg_id, last)?;
    let newest = talk.msg_list.last().map(|message| &message.msg_data);
    same("the newest message", newest, Some(&data))?;
    let came = ids(talk);
    let wanted: Vec<u32> = (last + 1 - came.len() as u32..=last).collect();
    same("ids", came, wanted)?;
    let unread = bob.unread_count(alice.id).await?;
    same("unread_cnt", talk.unread_cnt, unread)?;
    let mut members = vec![alice.id, bob.id];
    members.sort_unstable();
    let info = told.group(group).map(|info| info.group_member_list.clone());
    same("members of the group", info, Some(members))?;
    let mut users = told.pages.iter().flat_map(|page| &page.user);
    let known = users.any(|user| user.user_id == alice.id);
    holds("her profile", known, told.pages.len())
}

async fn messages(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let cursor = sync(&mut bob, None).await?.cursor;
    bob.leave().await?;
    let unread = [ctx.text(), ctx.text()];
    let first = alice.says(ctx.id(BOB), &unread[0]).await?;
    alice.says(ctx.id(BOB), &unread[1]).await?;
    let mut bob = ctx.login(BOB, ClientType::Windows, 1).await?;
    let told = sync(&mut bob, cursor.as_ref()).await?;
    same("reset", told.pages[0].reset(), false)?;
    let talk = told.talk(Conversation::User(alice.id))?;
    let new = talk.msg_list.iter().filter(|m| m.msg_id >= first);
    let new: Vec<Bytes> = new.map(|message| message.msg_data.clone()).collect();
    same("what was written since", new, unread.to_vec())?;
    let counted = bob.unread_count(alice.id).await?;
    same("unread_cnt", talk.unread_cnt, counted)
}

async fn read_and_hidden(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut phone = ctx.phone(BOB).await?;
    let first = alice.says(bob.id, &ctx.text()).await?;
    let last = alice.says(bob.id, &ctx.text()).await?;
    let with = Conversation::User(alice.id);
    let told = sync(&mut phone, None).await?;
    bob.reads(with, first).await?;
    let counted = bob.unread_count(with).await?;
    let told = sync(&mut phone, told.cursor.as_ref()).await?;
    let talk = told.talk(with)?;
    same("read_msg_id", talk.read_msg_id, first)?;
    same("unread_cnt", talk.unread_cnt, counted)?;
    same("hidden", talk.hidden(), false)?;
    same("result_code of removing", bob.removes(with).await?, 0)?;
    let told = sync(&mut phone, told.cursor.as_ref()).await?;
    let talk = told.talk(with)?;
    same("read_msg_id", talk.read_msg_id, last)?;
    same("unread_cnt", talk.unread_cnt, 0)?;
    same("hidden", talk.hidden(), true)
}

async fn groups(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let carol = ctx.id(CAROL);
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let told = sync(&mut bob, None).await?;
    let version = told.group(group).map_or(0, |info| info.version);
    alice.adds(group, &[carol]).await?;
    let told = sync(&mut bob, told.cursor.as_ref()).await?;
    let info = told.group(group);
    let has_her = |info: &GroupInfo| info.group_member_list.contains(&carol);
    holds("the group with her", info.is_some_and(has_her), info)?;
    let newer = info.is_some_and(|info| info.version > version);
    holds("a newer version", newer, info)?;
    alice.expels(group, &[bob.id]).await?;
    let told = sync(&mut bob, told.cursor.as_ref()).await?;
    holds("the group among those left", told.left(group), &told.pages)?;
    holds("and not among the others", told.group(group).is_none(), ())?;
    alice.adds(group, &[bob.id]).await?;
    let told = sync(&mut bob, told.cursor.as_ref()).await?;
    holds("the group", told.group(group).is_some(), ())?;
    holds("it is not left any more", !told.left(group), ())
}

async fn known(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let told = sync(&mut bob, None).await?;
    let first = alice.says(bob.id, &ctx.text()).await?;
    let last = alice.says(bob.id, &ctx.text()).await?;
    for msg_id in [first, last] {
        let request = ImSyncReq {
            cursor: told.cursor.clone(),
            known: vec![KnownConversation {
                session_type: Conversation::User(alice.id).session_type(),
                session_id: alice.id,
                msg_id,
            }],
            ..Default::default()
        };
        let told = sync_with(&mut bob, request).await?;
        let talk = told.talk(Conversation::User(alice.id))?;
        let wanted: Vec<u32> = (msg_id + 1..=last).collect();
        same("ids behind the known one", ids(talk), wanted)?;
        same("latest_msg_id", talk.latest_msg_id, last)?;
    }
    Ok(())
}

async fn hole(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut last = 0;
    for _ in 0..5 {
        last = alice.says(bob.id, &ctx.text()).await?;
    }
    let few = ImSyncReq {
        known: vec![KnownConversation {
            session_type: Conversation::User(alice.id).session_type(),
            session_id: alice.id,
            msg_id: last - 4,
        }],
        messages: Some(2),
        ..Default::default()
    };
    let told = sync_with(&mut bob, few).await?;
    let talk = told.talk(Conversation::User(alice.id))?;
    same("the newest two", ids(talk), vec![last - 1, last])?;
    same(
        "missing_from_msg_id",
        talk.missing_from_msg_id,
        Some(last - 3),
    )
}

async fn reset(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let last = alice.says(bob.id, &ctx.text()).await?;
    let nonsense = Bytes::from(ctx.word());
    let told = sync(&mut bob, Some(&nonsense)).await?;
    same("reset", told.pages[0].reset(), true)?;
    let talk = told.talk(Conversation::User(alice.id))?;
    same("latest_msg_id", talk.latest_msg_id, last)?;
    let told = sync(&mut bob, told.cursor.as_ref()).await?;
    same("reset with the new cursor", told.pages[0].reset(), false)?;
    let told = sync(&mut bob, None).await?;
    same("reset without a cursor", told.pages[0].reset(), false)
}

async fn refused(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let known = |session_type| KnownConversation {
        session_type,
        session_id: ctx.id(BOB),
        msg_id: 1,
    };
    for known in [vec![known(1); 2_001], vec![known(9)]] {
        let request = ImSyncReq {
            known,
            ..Default::default()
        };
        let answer = alice.ask(&request).await?;
        same("user_id", answer.user_id, alice.id)?;
        same("result_code", answer.result_code, 1)?;
    }
    let most = ImSyncReq {
        known: vec![known(1); 2_000],
        ..Default::default()
    };
    same("result_code", alice.ask(&most).await?.result_code, 0)
}
