use db_proxy::cache::CredentialCache;
use db_proxy::cache::redis::RedisCredentials;

use crate::bed::linked;

#[tokio::test]
async fn a_right_pair_is_known_to_whoever_has_the_secret() {
    let Some(link) = linked().await else {
        return;
    };
    let ours = RedisCredentials::new(link.clone(), "a secret of ours");
    let theirs = RedisCredentials::new(link.clone(), "a secret of ours");
    let thief = RedisCredentials::new(link, "another");
    assert!(!ours.knows("hash", "password").await);
    ours.remember("hash", "password").await;
    assert!(theirs.knows("hash", "password").await);
    for (stored, received) in [
        ("hash", "passwor"),
        ("hashp", "assword"),
        ("new", "password"),
    ] {
        assert!(!theirs.knows(stored, received).await);
    }
    assert!(!thief.knows("hash", "password").await);
}
