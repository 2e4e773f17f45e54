use std::fs;

use db_proxy::store::{
    BackupError, Inserted, NewUser, Profile, Store, backup, open, refuse_in_use, restore,
};

use crate::bed::Files;

async fn add(store: &dyn Store, name: &str) -> u32 {
    let new = NewUser {
        profile: Profile {
            name: name.to_owned(),
            ..Profile::default()
        },
        password: String::new(),
    };
    match store.insert_users(&[new]).await.unwrap()[0] {
        Inserted::Created(id) => id.get(),
        Inserted::NameTaken => panic!("{name} exists"),
    }
}

#[tokio::test]
async fn a_store_is_backed_up_while_it_is_used_and_comes_back_with_a_new_epoch() {
    let files = Files::new();
    let (path, file) = (files.path("store.db"), files.path("backup.db"));
    let store = open(&files.url("store.db")).await.unwrap();
    let epoch = store.store_epoch().await.unwrap();
    add(&*store, "anna").await;
    let writing = async {
        for n in 0..200 {
            add(&*store, &format!("user{n}")).await;
        }
    };
    let (made, ()) = tokio::join!(backup(&path, &file, false), writing);
    let made = made.unwrap();
    assert!(made.bytes > 0 && !made.unfinished);
    add(&*store, "bert").await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let again = backup(&path, &file, false).await.unwrap_err();
    assert!(matches!(again, BackupError::Exists { .. }), "{again}");

    let refused = restore(&file, &path, false).await.unwrap_err();
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
    let refused = restore(&file, &path, true).await.unwrap_err();
    assert!(matches!(refused, BackupError::InUse { .. }), "{refused}");
    assert!(store.user_by_name("bert").await.unwrap().is_some());

    drop(store);
    // dropped connections close a little later
    while refuse_in_use(&path).await.is_err() {
        tokio::task::yield_now().await;
    }
    let restored = restore(&file, &path, true).await.unwrap();
    assert_ne!(restored, epoch);
    let store = open(&files.url("store.db")).await.unwrap();
    assert_eq!(store.store_epoch().await.unwrap(), restored);
    assert!(store.user_by_name("anna").await.unwrap().is_some());
    assert!(store.user_by_name("bert").await.unwrap().is_none());
    let left = fs::read_dir(path.parent().unwrap()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.contains("partial")));
}

#[tokio::test]
async fn what_is_no_backup_replaces_nothing() {
    let files = Files::new();
    let path = files.path("store.db");
    let missing = restore(&files.path("nowhere"), &path, false)
        .await
        .unwrap_err();
    assert!(matches!(missing, BackupError::Missing { .. }), "{missing}");
    fs::write(
        files.path("text"),
        "this is no database, and long enough to look at",
    )
    .unwrap();
    let foreign = restore(&files.path("text"), &path, false)
        .await
        .unwrap_err();
    assert!(
        matches!(foreign, BackupError::NotAStore { .. }),
        "{foreign}"
    );

    let store = open(&files.url("whole.db")).await.unwrap();
    for n in 0..500 {
        add(&*store, &format!("somebody with the number {n}")).await;
    }
    backup(&files.path("whole.db"), &files.path("b.db"), false)
        .await
        .unwrap();
    let mut bytes = fs::read(files.path("b.db")).unwrap();
    // among the rows that came last, far behind the schema
    let end = bytes.len() / 10 * 9;
    bytes[end..].fill(0xa5);
    fs::write(files.path("b.db"), bytes).unwrap();
    let damaged = restore(&files.path("b.db"), &path, false)
        .await
        .unwrap_err();
    assert!(
        matches!(damaged, BackupError::Damaged { .. }),
        "{damaged:?}"
    );
    assert!(!path.exists());
}

#[tokio::test]
async fn a_side_file_of_a_store_that_is_gone_is_not_taken_for_the_new_ones() {
    let files = Files::new();
    let path = files.path("store.db");
    let store = open(&files.url("other.db")).await.unwrap();
    add(&*store, "anna").await;
    backup(&files.path("other.db"), &files.path("b.db"), false)
        .await
        .unwrap();
    // what another store has not yet written back
    add(&*store, "bert").await;
    fs::copy(files.path("other.db-wal"), files.path("store.db-wal")).unwrap();
    restore(&files.path("b.db"), &path, false).await.unwrap();
    let store = open(&files.url("store.db")).await.unwrap();
    assert!(store.user_by_name("anna").await.unwrap().is_some());
    assert!(store.user_by_name("bert").await.unwrap().is_none());
}

/// With --force, a backup must neither replace the store it is made of nor one that is in use.
#[tokio::test]
async fn a_backup_replaces_no_store_that_is_in_use() {
    let files = Files::new();
    let [path, other] = ["store.db", "other.db"].map(|name| files.path(name));
    let store = open(&files.url("store.db")).await.unwrap();
    add(&*store, "anna").await;
    let used = open(&files.url("other.db")).await.unwrap();
    add(&*used, "bert").await;
    let refused = backup(&path, &other, true).await.unwrap_err();
    assert!(matches!(refused, BackupError::InUse { .. }), "{refused}");
    let mut names = vec![path.clone(), path.parent().unwrap().join("./store.db")];
    #[cfg(unix)]
    for (name, hard) in [("hard.db", true), ("soft.db", false)] {
        let link = files.path(name);
        match hard {
            true => fs::hard_link(&path, &link).unwrap(),
            false => std::os::unix::fs::symlink(&path, &link).unwrap(),
        }
        names.push(link);
    }
    for name in names {
        let refused = backup(&path, &name, true).await.unwrap_err();
        assert!(matches!(refused, BackupError::Same { .. }), "{refused}");
        let refused = restore(&name, &path, true).await.unwrap_err();
        assert!(matches!(refused, BackupError::Same { .. }), "{refused}");
    }
    add(&*store, "carl").await;
    assert!(used.user_by_name("bert").await.unwrap().is_some());

    // what is no longer used is replaced, and what lay beside it goes
    drop(used);
    while refuse_in_use(&other).await.is_err() {
        tokio::task::yield_now().await;
    }
    backup(&path, &other, true).await.unwrap();
    fs::copy(files.path("store.db-wal"), files.path("new.db-wal")).unwrap();
    backup(&path, &files.path("new.db"), false).await.unwrap();
    assert!(!files.path("new.db-wal").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_restored_store_keeps_its_link_and_its_mode() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let files = Files::new();
    let [real, link] = ["real.db", "store.db"].map(|name| files.path(name));
    let source = open(&files.url("other.db")).await.unwrap();
    add(&*source, "anna").await;
    backup(&files.path("other.db"), &files.path("b.db"), false)
        .await
        .unwrap();
    fs::copy(files.path("b.db"), &real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, &link).unwrap();
    restore(&files.path("b.db"), &link, true).await.unwrap();
    assert!(link.is_symlink());
    let mode = fs::metadata(&real).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}
