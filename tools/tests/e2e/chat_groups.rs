//! People run a group from their chats, in pipes.

use serde_json::Value;

use crate::chat_history::Chat;
use crate::world::World;

impl Chat {
    /// The next event of a kind that is the one wanted.
    async fn shows_one(&mut self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let shown = self.shows(event).await;
            if wanted(&shown) {
                return shown;
            }
        }
    }

    /// Types a command, and gives what it says when it is done.
    async fn does(&mut self, command: &str, words: &str) -> String {
        self.types(command).await;
        self.says("group", words).await
    }

    /// Types a command that is refused.
    async fn fails(&mut self, command: &str, words: &str) {
        self.types(command).await;
        self.says("error", words).await;
    }

    async fn says(&mut self, event: &str, words: &str) -> String {
        let said = self.shows(event).await["text"].as_str().unwrap().to_owned();
        assert!(said.contains(words), "{said}");
        said
    }
}

/// Somebody's chat, once it is connected.
async fn chat(world: &World, folder: &tempfile::TempDir, user: &str) -> Chat {
    let mut chat = Chat::start(world, user, folder.path());
    chat.shows("connected").await;
    chat
}

#[tokio::test]
async fn a_group_is_made_joined_changed_and_left_by_commands() {
    let world = World::usual(3).await;
    let folder = tempfile::tempdir().unwrap();
    let mut alice = chat(&world, &folder, "demo1").await;
    let mut bob = chat(&world, &folder, "demo2").await;

    let made = alice.does("/group our trip: demo2", "made #our trip").await;
    let number = made.split("number ").nth(1).unwrap();
    let group: u64 = number.split(';').next().unwrap().parse().unwrap();

    // Who is away when he is invited is told when he comes, and answers; who is there is told at once.
    alice
        .does("/group invite demo3: come", "invited into")
        .await;
    let mut carol = chat(&world, &folder, "demo3").await;
    let invited = carol.shows("group_request").await;
    assert_eq!(invited["kind"], "invitation");
    assert_eq!(invited["state"], "waiting");
    assert_eq!(invited["greeting"], "come");
    assert_eq!(invited["name"], "our trip");
    assert_eq!(
        (&invited["group"], &invited["number"]),
        (&group.into(), &1.into())
    );
    let c = invited["user"].clone();
    carol.does("/group accept", "you are in #our trip").await;
    let came = |told: &Value| told["users"] == Value::Array(vec![c.clone()]);
    let told = bob.shows_one("members", came).await;
    assert_eq!(told["added"], true);
    carol.fails("/group accept", "/group requests").await;

    // A new name is everybody's.
    alice.does("/group name journey", "is changed").await;
    for other in [&mut bob, &mut carol] {
        let changed = other.shows("group_changed").await;
        assert_eq!(changed["name"], "journey");
    }
    bob.types("/to #journey").await;
    bob.shows("partner").await;

    // What is not one's to do is refused in words.
    bob.fails("/group mute demo3 10m", "not yours").await;
    alice.does("/group admin demo2", "is an admin").await;
    let admin = bob.shows("group_changed").await;
    assert_eq!(admin["members"][0]["role"], "admin");
    bob.does("/group mute demo3 10m", "is muted").await;
    carol.types("hello").await;
    assert_eq!(carol.shows("refused").await["reason"], "muted");
    bob.does("/group unmute demo3", "may write").await;
    carol.types("hello again").await;
    carol.shows("stored").await;
    assert_eq!(bob.shows("message").await["text"], "hello again");

    // A message may answer another one, and be for somebody in particular, all of which is kept.
    let said = alice.shows("message").await;
    let (number, id) = (&said["number"], &said["id"]);
    alice
        .types(&format!("/reply {number} welcome, @demo3!"))
        .await;
    let stored = alice.shows("stored").await;
    assert_eq!((&stored["answers"], &stored["mentions"][0]), (id, &c));
    let shown = carol.shows("message").await;
    assert_eq!(
        (&shown["answers"], &shown["mentions_me"]),
        (id, &true.into())
    );
    let shown = bob.shows("message").await;
    assert_eq!(
        (&shown["answers"], &shown["mentions_me"]),
        (id, &false.into())
    );
    bob.types("/history 1").await;
    let kept = bob.shows("message").await;
    assert_eq!((&kept["answers"], &kept["mentions"][0]), (id, &c));
    carol.types("@all: thank you").await;
    assert_eq!(carol.shows("refused").await["reason"], "not_permitted");

    // Who asks to come in is answered by an admin.
    carol.types("/group leave").await;
    carol.shows("left").await;
    let went = |told: &Value| told["added"] == false;
    alice.shows_one("members", went).await;
    let join = format!("/group join {group}: it is me");
    carol.fails(&join, "closed").await;
    bob.does("/group joining approval", "is changed").await;
    carol.does(&join, "an admin answers").await;
    let asked = alice
        .shows_one("group_request", |told| told["kind"] == "application")
        .await;
    assert_eq!(
        (&asked["user"], &asked["greeting"]),
        (&c, &"it is me".into())
    );
    alice
        .types(&format!("/group accept {}", asked["number"]))
        .await;
    carol
        .shows_one("group_request", |told| told["state"] == "accepted")
        .await;

    // An owner leaves it to somebody else.
    alice.fails("/group leave", "/group transfer").await;
    alice.does("/group transfer demo2", "owns #journey").await;
    alice.types("/group leave").await;
    alice.shows("left").await;
    bob.types("/group info").await;
    let info = bob.shows("group_info").await;
    assert_eq!(info["joining"], "approval");
    assert_eq!(info["member_count"], 2);
    assert_eq!(info["members"][0]["user"], info["owner"]);
    bob.types("/group disband").await;
    bob.shows("left").await;
    carol.shows("left").await;
    for chat in [alice, bob, carol] {
        assert!(!chat.ends().await, "something was refused to each");
    }
    world.end().await;
}
