//! Voice messages: four bytes of seconds, then the sound.

use bytes::{BufMut, Bytes, BytesMut};
use proto::im::base_define::MsgType;
use proto::im::buddy::ImRecentContactSessionReq;
use proto::im::message::{ImGetMsgListReq, ImMsgData, ImUnreadMsgCntReq};
use proto::text as cipher;

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::device::chat::text;
use crate::conform::expect::{fail, same};

cases! {
    /// A voice message is delivered, and is in the history byte for byte.
    "voice/byte-for-byte" byte_for_byte in Messages {
        commands: [ImMsgData, ImGetMsgListReq],
        defects: [60, 66, 94],
    }
    /// In lists of conversations an enciphered word stands in its place.
    "voice/placeholder" placeholder in RecentSessions {
        commands: [ImMsgData, ImRecentContactSessionReq, ImUnreadMsgCntReq],
    }
    /// Without sound, 4 bytes or less, it is refused.
    "voice/without-sound" without_sound in Messages {
        commands: [ImMsgData],
        defects: [2],
    }
}

/// A voice message with some seconds and some bytes of sound that is no text.
pub(crate) fn voice(to: Conversation, seconds: u32, sound: &[u8]) -> ImMsgData {
    let mut data = BytesMut::new();
    data.put_u32(seconds);
    data.put_slice(sound);
    let kind = match to {
        Conversation::User(_) => MsgType::SingleAudio,
        Conversation::Group(_) => MsgType::GroupAudio,
    };
    ImMsgData {
        msg_type: kind as i32,
        ..text(to, &data.freeze())
    }
}

/// Sound that nobody has sent before.
pub(crate) fn sound() -> Vec<u8> {
    (0..3000).map(|_| fastrand::u8(..)).collect()
}

async fn byte_for_byte(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let peer = Conversation::User(bob.id);
    let message = voice(peer, 7, &sound());
    let id = alice.stores(&message).await?.msg_id;
    let heard = bob.hears(&message.msg_data).await?;
    same("msg_type", heard.msg_type, message.msg_type)?;
    let mut page = bob.history(Conversation::User(alice.id), id, 1).await?;
    let Some(stored) = page.pop() else {
        return fail("the message in the history", "an empty page");
    };
    same("msg_id", stored.msg_id, id)?;
    same("msg_type", stored.msg_type, message.msg_type)?;
    same("msg_data in the history", stored.msg_data, message.msg_data)
}

async fn placeholder(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let message = voice(Conversation::User(bob.id), 1, &sound());
    let id = alice.stores(&message).await?.msg_id;
    let peer = Conversation::User(alice.id);
    let word = Bytes::from(cipher::encrypt("[语音]", cipher::DEFAULT_KEY));
    let Some(entry) = bob.recent_of(peer).await? else {
        return fail("the conversation on the list", "not on it");
    };
    same("latest_msg_id", entry.latest_msg_id, id)?;
    same("latest_msg_type", entry.latest_msg_type, message.msg_type)?;
    same(
        "latest_msg_data of recent sessions",
        entry.latest_msg_data,
        word.clone(),
    )?;
    let Some(entry) = bob.unread_in(peer).await? else {
        return fail("the conversation among the unread ones", "not among them");
    };
    same("latest_msg_type", entry.latest_msg_type, message.msg_type)?;
    same(
        "latest_msg_data of the unread list",
        entry.latest_msg_data,
        word,
    )
}

async fn without_sound(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let before = alice.says(bob.id, &ctx.text()).await?;
    let peer = Conversation::User(bob.id);
    alice.refused(&voice(peer, 3, &[])).await?;
    let short = ImMsgData {
        msg_data: Bytes::from_static(&[0, 0, 9]),
        ..voice(peer, 3, &[])
    };
    alice.refused(&short).await?;
    let next = ctx.text();
    same(
        "id of the next message",
        alice.says(bob.id, &next).await?,
        before + 1,
    )?;
    bob.hears(&next).await?;
    bob.heard_nothing("no voice without sound", &short.msg_data)
        .await
}
