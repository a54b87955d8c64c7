//! Clients, files, versions and verdicts.

use super::*;

#[tokio::test]
async fn keeps_clients_and_keys_over_a_restart() {
    let folder = Folder::new();
    let store = folder.open();
    assert!(register(&store, ALICE, "Alice <é>").await);
    assert!(!register(&store, BOB, "Alice <é>").await);
    assert!(register(&store, BOB, "../..").await);
    let client = store
        .client(ALICE)
        .await
        .expect("a store")
        .expect("a client");
    assert!(client.aes_key.is_none());
    let set = async |id, name: &str, key: &[u8; 16]| {
        let (name, public_key) = (name.into(), vec![1; 160]);
        let aes_key = AesKey::from_bytes(key).expect("16 bytes");
        store
            .set_keys(
                id,
                NewKeys {
                    name,
                    public_key,
                    aes_key,
                    version: 3,
                },
            )
            .await
    };
    let nobody = ClientId::from_bytes([9; 16]);
    for (id, name, key, expected) in [
        (ALICE, "Alice <é>", b"the first key...", KeysSet::Done),
        (ALICE, "Alice <é>", b"the second key..", KeysSet::Done),
        (ALICE, "../..", b"not her name....", KeysSet::NameDiffers),
        (
            nobody,
            "Alice <é>",
            b"nobody's key....",
            KeysSet::UnknownClient,
        ),
    ] {
        assert_eq!(
            set(id, name, key).await.expect("a store"),
            expected,
            "{name}"
        );
    }
    drop(store);

    let store = folder.open();
    let client = store
        .client(ALICE)
        .await
        .expect("a store")
        .expect("a client");
    assert_eq!(client.name, "Alice <é>");
    assert_eq!(
        client.aes_key.expect("a key").as_bytes(),
        b"the second key.."
    );
    let (safe, random) = client.label.rsplit_once('-').expect("a label");
    assert_eq!((safe, random.len()), ("Alice", 8));
    let label = store
        .client(BOB)
        .await
        .expect("a store")
        .expect("a client")
        .label;
    assert!(label.starts_with("client-"), "{label}");
    assert!(store.client(nobody).await.expect("a store").is_none());
    let judged = store
        .verify(nobody, "a".into(), None)
        .await
        .expect("a store");
    assert_eq!(judged, Judged::UnknownClient);
    let judged = store
        .remove_waiting(nobody, "a".into(), None)
        .await
        .expect("a store");
    assert_eq!(judged, Judged::UnknownClient);
}

#[tokio::test]
async fn a_version_waits_until_it_is_judged() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    assert_eq!(verify(&store, "a.txt", None).await, Judged::NothingWaiting);
    upload(&store, ALICE, "a.txt", "one").await;
    assert_eq!(folder.incoming(), ["one"]);
    drop(store);

    let store = folder.open();
    assert_eq!(
        (folder.incoming(), folder.verified()),
        (vec!["one".into()], vec![])
    );
    assert_eq!(verify(&store, "a.txt", None).await, Judged::Honoured);
    assert_eq!(
        (folder.incoming(), folder.verified()),
        (vec![], pairs([("a.txt", "one")]))
    );
    // Again, and after a restart.
    assert_eq!(verify(&store, "a.txt", None).await, Judged::Honoured);
    drop(store);
    assert_eq!(
        verify(&folder.open(), "a.txt", None).await,
        Judged::Honoured
    );
}

#[tokio::test]
async fn verified_content_lives_until_its_successor_is_verified() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    upload(&store, ALICE, "a", "one").await;
    verify(&store, "a", None).await;
    upload(&store, ALICE, "a", "two").await;
    assert_eq!(folder.verified(), pairs([("a", "one")]));

    assert_eq!(remove(&store, "a", None).await, Judged::Honoured);
    assert_eq!(
        (folder.incoming(), folder.verified()),
        (vec![], pairs([("a", "one")]))
    );
    assert_eq!(remove(&store, "a", None).await, Judged::NothingWaiting);
    assert_eq!(folder.verified(), pairs([("a", "one")]));

    upload(&store, ALICE, "a", "three").await;
    verify(&store, "a", None).await;
    assert_eq!(
        (folder.incoming(), folder.verified()),
        (vec![], pairs([("a", "three")]))
    );
}

#[tokio::test]
async fn a_verdict_means_its_own_version_or_the_newest() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    let one = upload(&store, ALICE, "a", "one").await;
    let two = upload(&store, ALICE, "a", "two").await;
    let three = upload(&store, ALICE, "a", "three").await;
    assert!(one < two && two < three);

    remove(&store, "a", None).await;
    assert_eq!(folder.incoming(), ["one", "two"]);
    remove(&store, "a", Some(one)).await;
    assert_eq!(folder.incoming(), ["two"]);
    // A version that is gone is not replaced by another one.
    assert_eq!(remove(&store, "a", Some(one)).await, Judged::NothingWaiting);
    assert_eq!(
        verify(&store, "a", Some(three)).await,
        Judged::NothingWaiting
    );
    assert_eq!(folder.incoming(), ["two"]);
}

#[tokio::test]
async fn an_older_verified_version_does_not_answer_for_one_that_is_gone() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    let old = upload(&store, ALICE, "a", "old").await;
    assert_eq!(verify(&store, "a", Some(old)).await, Judged::Honoured);
    let new = upload(&store, ALICE, "a", "new").await;
    remove(&store, "a", None).await;
    assert_eq!(verify(&store, "a", Some(new)).await, Judged::NothingWaiting);
    assert_eq!(verify(&store, "a", Some(old)).await, Judged::Honoured);
    assert_eq!(folder.verified(), pairs([("a", "old")]));
}

#[tokio::test]
async fn verdicts_in_another_order_than_uploads_keep_the_newest() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    let old = upload(&store, ALICE, "a", "old").await;
    let new = upload(&store, ALICE, "a", "new").await;
    let newest = upload(&store, ALICE, "a", "newest").await;
    assert_eq!(verify(&store, "a", Some(new)).await, Judged::Honoured);
    assert_eq!(
        (folder.incoming(), folder.verified()),
        (vec!["newest".into()], pairs([("a", "new")]))
    );
    // Ended by the verdict on its successor, but right all the same.
    assert_eq!(verify(&store, "a", Some(old)).await, Judged::Honoured);
    assert_eq!(folder.verified(), pairs([("a", "new")]));
    assert_eq!(verify(&store, "a", Some(newest)).await, Judged::Honoured);
    assert_eq!(
        (folder.incoming(), folder.verified()),
        (vec![], pairs([("a", "newest")]))
    );
}

#[tokio::test]
async fn names_that_share_a_path_are_files_of_their_own() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    register(&store, BOB, "bob").await;
    for (name, plain) in [("x/A.txt", "one"), ("a.txt", "two"), (r"y\a.txt", "three")] {
        upload(&store, ALICE, name, plain).await;
        verify(&store, name, None).await;
    }
    upload(&store, BOB, "a.txt", "bob's").await;
    store
        .verify(BOB, "a.txt".into(), None)
        .await
        .expect("a store");
    let verified = folder.verified();
    let contents: Vec<_> = verified.iter().map(|(_, plain)| plain.as_str()).collect();
    assert_eq!(verified.len(), 4, "{verified:?}");
    for plain in ["one", "two", "three", "bob's"] {
        assert!(contents.contains(&plain), "{verified:?}");
    }
    // The name holds its path for as long as it holds a version.
    upload(&store, ALICE, "new.txt", "gone soon").await;
    remove(&store, "new.txt", None).await;
    upload(&store, ALICE, "dir/NEW.txt", "stays").await;
    verify(&store, "dir/NEW.txt", None).await;
    assert!(folder.verified().iter().any(|(name, _)| name == "NEW.txt"));
}

#[tokio::test]
async fn a_request_that_fails_spoils_no_other_one() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    let bad = async {
        let received = Received {
            incoming: store.incoming().expect("a file"),
            name: "a/..".into(),
            size: 0,
            content_size: 16,
            cksum: 0,
            digest: [0; 32],
            version: 3,
        };
        store.received(ALICE, received).await
    };
    let (bad, good) = tokio::join!(bad, upload(&store, ALICE, "good", "good"));
    assert!(matches!(bad, Err(StoreError::FileName)));
    assert_eq!(verify(&store, "good", Some(good)).await, Judged::Honoured);
    assert_eq!(
        (folder.incoming(), folder.verified()),
        (vec![], pairs([("good", "good")]))
    );
}

#[tokio::test]
async fn many_requests_share_transactions_and_all_are_answered() {
    let folder = Folder::new();
    let store = std::sync::Arc::new(folder.open());
    register(&store, ALICE, "alice").await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100 {
        let store = std::sync::Arc::clone(&store);
        tasks.spawn(async move {
            let (name, plain) = (format!("f{number}"), format!("plain {number}"));
            let version = upload(&store, ALICE, &name, &plain).await;
            verify(&store, &name, Some(version)).await
        });
    }
    while let Some(judged) = tasks.join_next().await {
        assert_eq!(judged.expect("no panic"), Judged::Honoured);
    }
    drop(store);
    let verified = folder.verified();
    assert_eq!(verified.len(), 100);
    assert!(
        verified
            .iter()
            .all(|(name, plain)| *plain == format!("plain {}", &name[1..]))
    );
}

#[tokio::test]
async fn older_verified_versions_stay() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    for plain in ["one", "two", "wrong", "three"] {
        upload(&store, ALICE, "a", plain).await;
        if plain == "wrong" {
            remove(&store, "a", None).await;
        } else {
            verify(&store, "a", None).await;
        }
    }
    drop(store);
    drop(folder.open());
    assert_eq!(folder.verified(), pairs([("a", "three")]));
    let mut contents: Vec<_> = files(&folder.root.path().join("versions"))
        .into_iter()
        .map(|path| fs::read_to_string(path).expect("readable"))
        .collect();
    contents.sort();
    assert_eq!(contents, ["one", "three", "two"]);
}

#[tokio::test]
async fn what_nobody_judged_is_pruned_by_age_and_verified_versions_are_not() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    upload(&store, ALICE, "verified", "verified").await;
    verify(&store, "verified", None).await;
    // More than one transaction takes.
    for number in 0..300 {
        upload(
            &store,
            ALICE,
            &format!("old {number}"),
            &format!("old {number}"),
        )
        .await;
    }
    let (day, now) = (
        std::time::Duration::from_secs(86_400),
        std::time::SystemTime::now(),
    );
    assert_eq!(store.prune_unverified(now - day).await.expect("a store"), 0);
    assert_eq!(folder.incoming().len(), 300);
    // All but one are two days old.
    upload(&store, ALICE, "new", "new").await;
    let aged = "UPDATE versions SET received_at = received_at - 172800000 WHERE number <= 301";
    folder.rows().execute(aged, []).expect("rows");
    assert_eq!(
        store.prune_unverified(now - day).await.expect("a store"),
        300
    );
    assert_eq!(folder.incoming(), ["new"]);
    assert_eq!(folder.verified(), pairs([("verified", "verified")]));
    assert_eq!(verify(&store, "old 7", None).await, Judged::NothingWaiting);
    drop(store);
    assert_eq!(files(&folder.root.path().join("versions")).len(), 2);
    let listed: i64 = folder
        .rows()
        .query_row("SELECT count(*) FROM removed", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(listed, 0, "done with");
}

/// Another program may delete rows beside the server: the content goes with the next start.
#[tokio::test]
async fn content_of_rows_that_are_gone_goes_with_a_start() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    for plain in ["one", "two"] {
        upload(&store, ALICE, "a", plain).await;
        verify(&store, "a", None).await;
    }
    drop(store);
    folder
        .rows()
        .execute("DELETE FROM versions WHERE number = 1", [])
        .expect("a row");
    drop(folder.open());
    assert_eq!(files(&folder.root.path().join("versions")).len(), 1);
    assert_eq!(folder.verified(), pairs([("a", "two")]));
}
