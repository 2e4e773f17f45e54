//! Contacts: who asked whom, who are friends, who blocks whom.

use bytes::Bytes;
use proto::capability;
use proto::im::base_define::ClientType;
use proto::im::ext::buddy::{
    Contact, ContactState, ImBlockReq, ImContactChanged, ImContactsReq, ImFriendAnswerReq,
    ImFriendAskReq, ImFriendRemoveReq,
};
use proto::im::ext::message::ImSyncReq;

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx, Who};
use crate::conform::device::Device;
use crate::conform::expect::{fail, holds, same};

cases! {
    /// A request is a contact with state asked for the one who asks, and with state asks-me and its greeting for the other.
    "ferrotalk/contacts-ask" ask in Contacts {
        commands: [ImFriendAskReq],
        needs: [Ferrotalk],
    }
    /// Who asks twice has asked once.
    "ferrotalk/contacts-ask-twice" ask_twice in Contacts {
        commands: [ImFriendAskReq],
        needs: [Ferrotalk],
    }
    /// A request that is granted makes both friends; the devices of both are told, but not the one that did it.
    "ferrotalk/contacts-accept" accept in Contacts {
        commands: [ImFriendAskReq, ImFriendAnswerReq],
        needs: [Ferrotalk],
    }
    /// Two that ask each other are friends.
    "ferrotalk/contacts-ask-each-other" ask_each_other in Contacts {
        commands: [ImFriendAskReq],
        needs: [Ferrotalk],
    }
    /// A request that is refused is over for both.
    "ferrotalk/contacts-refuse" refuse in Contacts {
        commands: [ImFriendAskReq, ImFriendAnswerReq],
        needs: [Ferrotalk],
    }
    /// An own request can be taken back, and a friendship ended; it is over for both.
    "ferrotalk/contacts-remove" remove in Contacts {
        commands: [ImFriendAskReq, ImFriendAnswerReq, ImFriendRemoveReq],
        needs: [Ferrotalk],
    }
    /// Blocking ends a friendship; the blocked one sees what a removal shows.
    "ferrotalk/contacts-block" block in Contacts {
        commands: [ImFriendAskReq, ImFriendAnswerReq, ImBlockReq],
        needs: [Ferrotalk],
    }
    /// Who is blocked is answered as by somebody who never reacts, and whoever blocks him hears nothing of it, then or later.
    "ferrotalk/contacts-blocked-learns-nothing" blocked_learns_nothing in Contacts {
        commands: [ImFriendAskReq, ImBlockReq],
        needs: [Ferrotalk],
    }
    /// One cannot ask oneself, nobody, somebody whom one blocks, nor with a greeting that is too long or has control characters; nor answer a request that is not there. The answer has the reason.
    "ferrotalk/contacts-refusals" refusals in Contacts {
        commands: [ImFriendAskReq, ImFriendAnswerReq, ImFriendRemoveReq, ImBlockReq],
        needs: [Ferrotalk],
    }
    /// A client that did not announce contacts is not told of them.
    "ferrotalk/contacts-unannounced" unannounced in Contacts {
        commands: [ImFriendAskReq, ImSyncReq],
        needs: [Ferrotalk],
    }
    /// The list has all contacts, and asked with its cursor what changed since, those too that are nothing any more.
    "ferrotalk/contacts-list" list in Contacts {
        commands: [ImFriendAskReq, ImFriendRemoveReq, ImContactsReq],
        needs: [Ferrotalk],
    }
    /// They come with everything else that changed.
    "ferrotalk/contacts-sync" in_sync in Contacts {
        commands: [ImFriendAskReq, ImSyncReq],
        needs: [Ferrotalk],
    }
}

use ContactState::{ContactAsked, ContactAsksMe, ContactFriend, ContactNone};

/// Pages that a case reads at most: what was stored before it is none of its business.
const PAGES: usize = 1_000;

/// The end of a step: done, or the reason.
type Taken = Result<Contact, String>;

async fn able(ctx: &Ctx, who: Who, kind: ClientType, server: usize) -> Outcome<Device> {
    let mut device = ctx.connect(server).await?;
    let mut request = ctx.login_request(who, kind as i32);
    request.capabilities = Some(capability::CONTACTS);
    let answer = device.log_in(&request).await?;
    same("result_code of the login", answer.result_code, 0)?;
    let granted = answer.capabilities();
    same("what is granted", granted, capability::CONTACTS)?;
    Ok(device)
}

/// Desktops of two who have nothing to do with each other, on two msg_servers if there are two.
async fn strangers(ctx: &Ctx) -> Outcome<(Device, Device)> {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let mut bob = able(ctx, BOB, ClientType::Windows, 1).await?;
    for (one, other) in [(&mut alice, ctx.id(BOB)), (&mut bob, ctx.id(ALICE))] {
        let free = one.blocks(other, false).await?;
        holds("nobody blocked", free.is_ok(), free)?;
        let apart = one.parts(other).await?;
        holds("no friends", apart.is_ok(), apart)?;
    }
    Ok((alice, bob))
}

fn taken(
    user_id: u32,
    wanted: u32,
    result_code: u32,
    reason: Option<String>,
    contact: Option<Contact>,
) -> Outcome<Taken> {
    same("user_id", user_id, wanted)?;
    match (result_code, contact) {
        (0, Some(contact)) => Ok(Ok(contact)),
        (1, None) => match reason {
            Some(reason) => Ok(Err(reason)),
            None => fail("a reason", "none"),
        },
        (code, contact) => fail(
            "code 0 with a contact, or 1",
            format!("{code}, {contact:?}"),
        ),
    }
}

impl Device {
    async fn asks(&mut self, user: u32, greeting: &str) -> Outcome<Taken> {
        let request = ImFriendAskReq {
            to_user_id: user,
            greeting: Some(greeting.to_owned()).filter(|greeting| !greeting.is_empty()),
            ..Default::default()
        };
        let answer = self.ask(&request).await?;
        let (code, reason) = (answer.result_code, answer.reason);
        taken(answer.user_id, self.id, code, reason, answer.contact)
    }

    async fn answers(&mut self, user: u32, accept: bool) -> Outcome<Taken> {
        let request = ImFriendAnswerReq {
            from_user_id: user,
            accept,
            ..Default::default()
        };
        let answer = self.ask(&request).await?;
        let (code, reason) = (answer.result_code, answer.reason);
        taken(answer.user_id, self.id, code, reason, answer.contact)
    }

    async fn parts(&mut self, user: u32) -> Outcome<Taken> {
        let request = ImFriendRemoveReq {
            other_user_id: user,
            ..Default::default()
        };
        let answer = self.ask(&request).await?;
        let (code, reason) = (answer.result_code, answer.reason);
        taken(answer.user_id, self.id, code, reason, answer.contact)
    }

    async fn blocks(&mut self, user: u32, blocked: bool) -> Outcome<Taken> {
        let request = ImBlockReq {
            other_user_id: user,
            blocked,
            ..Default::default()
        };
        let answer = self.ask(&request).await?;
        let (code, reason) = (answer.result_code, answer.reason);
        taken(answer.user_id, self.id, code, reason, answer.contact)
    }

    /// A notice that a contact has that state, later than a stamp.
    async fn sees(&mut self, user: u32, state: ContactState, since: u64) -> Outcome<Contact> {
        let what = format!("a notice that {user} is {state:?}");
        let fits = |notice: &ImContactChanged| {
            let contact = &notice.contact;
            contact.user_id == user && contact.state == state as i32 && contact.stamp() > since
        };
        let (frame, notice) = self.frame::<ImContactChanged>(&what, fits).await?;
        same("number of the notice", frame.seq_num(), 0)?;
        Ok(notice.contact)
    }

    async fn sees_nothing_since(&mut self, user: u32, since: u64) -> Outcome {
        let fits = |notice: &ImContactChanged| {
            notice.contact.user_id == user && notice.contact.stamp() > since
        };
        self.none::<ImContactChanged>("no further notice", fits)
            .await
    }

    /// All contacts that changed since a cursor, and the next one.
    async fn lists(&mut self, cursor: Option<Bytes>) -> Outcome<(Vec<Contact>, Option<Bytes>)> {
        let mut request = ImContactsReq {
            cursor,
            ..Default::default()
        };
        let mut contacts = Vec::new();
        for _ in 0..PAGES {
            let answer = self.ask(&request).await?;
            same("result_code", answer.result_code, 0)?;
            let more = answer.more();
            contacts.extend(answer.contact);
            request.cursor = answer.cursor;
            if !more {
                return Ok((contacts, request.cursor));
            }
        }
        fail(format!("an end within {PAGES} pages"), "more")
    }

    /// How a contact is by the list; none if it is not in it.
    async fn state_of(&mut self, user: u32) -> Outcome<i32> {
        let (contacts, _) = self.lists(None).await?;
        let found = contacts
            .into_iter()
            .rfind(|contact| contact.user_id == user);
        Ok(found.map_or(ContactNone as i32, |found| found.state))
    }
}

fn done(taken: Taken, state: ContactState) -> Outcome<Contact> {
    match taken {
        Ok(contact) if contact.state == state as i32 => Ok(contact),
        other => fail(format!("a contact with {state:?}"), format!("{other:?}")),
    }
}

async fn ask(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    let mut phone = able(ctx, BOB, ClientType::Android, 0).await?;
    let greeting = format!("it is me, {}", ctx.word());
    let asked = done(alice.asks(bob.id, &greeting).await?, ContactAsked)?;
    same("user_id of the contact", asked.user_id, bob.id)?;
    same("greeting", asked.greeting(), greeting.as_str())?;
    holds("not blocked", !asked.blocked(), &asked)?;
    let since = asked.stamp() - 1;
    for device in [&mut bob, &mut phone] {
        let seen = device.sees(alice.id, ContactAsksMe, since).await?;
        same("greeting", seen.greeting(), greeting.as_str())?;
    }
    alice.sees_nothing_since(bob.id, since).await
}

async fn ask_twice(ctx: &Ctx) -> Outcome {
    let (mut alice, bob) = strangers(ctx).await?;
    let first = done(alice.asks(bob.id, "").await?, ContactAsked)?;
    let second = done(alice.asks(bob.id, "again").await?, ContactAsked)?;
    same("the contact", second, first)
}

async fn accept(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    let mut phone = able(ctx, BOB, ClientType::Android, 0).await?;
    let asked = done(alice.asks(bob.id, "hello").await?, ContactAsked)?;
    let friend = done(bob.answers(alice.id, true).await?, ContactFriend)?;
    holds("no greeting any more", friend.greeting.is_none(), &friend)?;
    phone.sees(alice.id, ContactFriend, asked.stamp()).await?;
    alice.sees(bob.id, ContactFriend, asked.stamp()).await?;
    bob.sees_nothing_since(alice.id, asked.stamp()).await?;
    let again = done(bob.answers(alice.id, true).await?, ContactFriend)?;
    same("granted twice", again, friend)
}

async fn ask_each_other(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    let asked = done(alice.asks(bob.id, "").await?, ContactAsked)?;
    done(bob.asks(alice.id, "").await?, ContactFriend)?;
    alice.sees(bob.id, ContactFriend, asked.stamp()).await?;
    same("state", alice.state_of(bob.id).await?, ContactFriend as i32)
}

async fn refuse(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    let asked = done(alice.asks(bob.id, "").await?, ContactAsked)?;
    done(bob.answers(alice.id, false).await?, ContactNone)?;
    alice.sees(bob.id, ContactNone, asked.stamp()).await?;
    same("state", alice.state_of(bob.id).await?, ContactNone as i32)?;
    same("state", bob.state_of(alice.id).await?, ContactNone as i32)
}

async fn remove(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    let asked = done(alice.asks(bob.id, "").await?, ContactAsked)?;
    let back = done(alice.parts(bob.id).await?, ContactNone)?;
    bob.sees(alice.id, ContactNone, asked.stamp()).await?;
    let again = done(alice.parts(bob.id).await?, ContactNone)?;
    same("taken back twice", again, back)?;
    done(alice.asks(bob.id, "").await?, ContactAsked)?;
    let friend = done(bob.answers(alice.id, true).await?, ContactFriend)?;
    done(bob.parts(alice.id).await?, ContactNone)?;
    alice.sees(bob.id, ContactNone, friend.stamp()).await?;
    same("state", alice.state_of(bob.id).await?, ContactNone as i32)
}

async fn block(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    done(alice.asks(bob.id, "").await?, ContactAsked)?;
    let friend = done(bob.answers(alice.id, true).await?, ContactFriend)?;
    let blocked = done(bob.blocks(alice.id, true).await?, ContactNone)?;
    holds("blocked", blocked.blocked(), &blocked)?;
    let seen = alice.sees(bob.id, ContactNone, friend.stamp()).await?;
    holds("no word of it", seen.blocked.is_none(), &seen)?;
    let free = done(bob.blocks(alice.id, false).await?, ContactNone)?;
    holds("not blocked", !free.blocked(), &free)?;
    same("state", bob.state_of(alice.id).await?, ContactNone as i32)
}

async fn blocked_learns_nothing(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    let blocked = done(bob.blocks(alice.id, true).await?, ContactNone)?;
    let asked = done(alice.asks(bob.id, "please").await?, ContactAsked)?;
    bob.sees_nothing_since(alice.id, blocked.stamp()).await?;
    done(bob.blocks(alice.id, true).await?, ContactNone)?;
    let free = done(bob.blocks(alice.id, false).await?, ContactNone)?;
    bob.sees_nothing_since(alice.id, free.stamp()).await?;
    alice.sees_nothing_since(bob.id, asked.stamp()).await?;
    same("state", alice.state_of(bob.id).await?, ContactAsked as i32)?;
    same("state", bob.state_of(alice.id).await?, ContactNone as i32)
}

async fn refusals(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    let refused = |reason: &str| Err(reason.to_owned());
    let (me, nobody) = (alice.id, ctx.nobody());
    same(
        "to oneself",
        alice.asks(me, "").await?,
        refused("to_oneself"),
    )?;
    let no_user = || refused("no_such_user");
    for user in [nobody, 0] {
        same("to nobody", alice.asks(user, "").await?, no_user())?;
        same("to nobody", alice.blocks(user, true).await?, no_user())?;
        same("to nobody", alice.parts(user).await?, no_user())?;
    }
    let bad = || refused("bad_greeting");
    let long = "x".repeat(257);
    same("257 characters", alice.asks(bob.id, &long).await?, bad())?;
    same("a bell", alice.asks(bob.id, "ring \u{7}").await?, bad())?;
    let none = || refused("no_request");
    same("no request", alice.answers(bob.id, true).await?, none())?;
    done(alice.blocks(bob.id, true).await?, ContactNone)?;
    let own = refused("blocked_by_oneself");
    same("somebody blocked", alice.asks(bob.id, "").await?, own)?;
    done(alice.blocks(bob.id, false).await?, ContactNone)?;
    same("state", bob.state_of(me).await?, ContactNone as i32)?;
    let longest = "ü".repeat(256);
    done(alice.asks(bob.id, &longest).await?, ContactAsked)?;
    same("an own request", alice.answers(bob.id, true).await?, none())
}

async fn unannounced(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    let mut phone = ctx.phone(BOB).await?;
    let asked = done(alice.asks(phone.id, "").await?, ContactAsked)?;
    bob.sees(alice.id, ContactAsksMe, asked.stamp() - 1).await?;
    phone
        .none::<ImContactChanged>("no notice", |_| true)
        .await?;
    let mut request = ImSyncReq::default();
    for _ in 0..PAGES {
        let answer = phone.ask(&request).await?;
        holds("no contacts", answer.contact.is_empty(), &answer.contact)?;
        if !answer.more() {
            return Ok(());
        }
        request.cursor = answer.cursor;
    }
    fail(format!("an end within {PAGES} pages"), "more")
}

async fn list(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    done(alice.asks(bob.id, "").await?, ContactAsked)?;
    let (all, cursor) = bob.lists(None).await?;
    let found = all.iter().find(|contact| contact.user_id == alice.id);
    let state = found.map(|found| found.state);
    same("state", state, Some(ContactAsksMe as i32))?;
    done(alice.parts(bob.id).await?, ContactNone)?;
    let (changed, _) = bob.lists(cursor).await?;
    let found = changed.iter().rfind(|contact| contact.user_id == alice.id);
    let state = found.map(|found| found.state);
    same("state", state, Some(ContactNone as i32))?;
    let (all, _) = bob.lists(None).await?;
    let is_there = all.iter().any(|contact| contact.user_id == alice.id);
    holds(
        "nothing of what is nothing, at the beginning",
        !is_there,
        all,
    )?;
    let answer = bob
        .ask(&ImContactsReq {
            cursor: Some(Bytes::from_static(b"nonsense")),
            ..Default::default()
        })
        .await?;
    holds("a reset for a cursor that is none", answer.reset(), answer)
}

async fn in_sync(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = strangers(ctx).await?;
    let mut request = ImSyncReq::default();
    let mut told: Vec<Contact> = Vec::new();
    for round in [ContactNone, ContactAsksMe] {
        told.clear();
        for page in 0.. {
            holds("an end of pages", page < PAGES, page)?;
            let answer = bob.ask(&request).await?;
            same("result_code", answer.result_code, 0)?;
            let more = answer.more();
            told.extend(answer.contact);
            request.cursor = answer.cursor;
            if !more {
                break;
            }
        }
        let found = told.iter().rfind(|contact| contact.user_id == alice.id);
        let state = found.map_or(ContactNone as i32, |found| found.state);
        same("state", state, round as i32)?;
        if round == ContactNone {
            done(alice.asks(bob.id, "").await?, ContactAsked)?;
        }
    }
    Ok(())
}
