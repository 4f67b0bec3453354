use crate::support::{at, commit, events_after, name, on_both, record, removal, revised, uid};
use loggia_model::Record;
use loggia_store::{Batch, Delta, EventFilter, StoreError};

#[tokio::test]
async fn an_empty_store_has_nothing() {
    on_both("empty", async |db| {
        let loaded = db.store.load().await.unwrap();
        assert_eq!((loaded.position, loaded.last_hash.as_str(), loaded.last_time.0), (0, "", 0));
        assert!(loaded.records.is_empty() && loaded.aliases.is_empty());
        assert_eq!(db.store.verify_chain().await.unwrap(), Ok(0));
        assert_eq!(db.store.history(uid(1), None, 10).await.unwrap(), []);
        db.store.ping().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn records_come_back_as_they_were_written() {
    on_both("records", async |db| {
        let (web, api) = (record(1, "component:default/web", 1, 1), record(2, "api:default/web", 1, 1));
        let batch = |_, b: &mut Batch| {
            b.puts = vec![web.clone(), api.clone()];
            b.aliases = vec![(name("component:default/old"), web.uid), (name("component:default/gone"), uid(9))];
        };
        assert_eq!(commit(&db.store, 1, batch).await, Ok(1));
        let loaded = db.again().await.load().await.unwrap();
        assert_eq!(loaded.records, [api.clone(), web.clone()]);
        assert_eq!(loaded.aliases, [(name("component:default/old"), web.uid)]);
        assert_eq!((loaded.position, loaded.last_time), (1, at(1)));
        assert_eq!(db.store.head(web.uid).await.unwrap(), Some(web));
        assert_eq!(db.store.head(uid(9)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn history_knows_every_state() {
    on_both("history", async |db| {
        let first = record(1, "component:default/web", 1, 10);
        let second = Record { reference: name("component:default/site"), ..revised(&first, 2, 20) };
        let other = record(2, "component:default/web", 3, 30);
        commit(&db.store, 10, |_, b| b.puts = vec![first.clone()]).await.unwrap();
        commit(&db.store, 20, |_, b| b.puts = vec![second.clone()]).await.unwrap();
        commit(&db.store, 30, |_, b| b.puts = vec![other.clone()]).await.unwrap();
        commit(&db.store, 40, |p, b| b.removals = vec![removal(&second, p, 40)]).await.unwrap();
        let store = &db.store;
        let all = store.history(first.uid, None, 10).await.unwrap();
        assert_eq!(all.iter().map(|r| r.revision).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(all[0].document, None);
        assert_eq!(all[1].clone().record(), Some(second.clone()));
        assert_eq!(store.history(first.uid, Some(4), 1).await.unwrap(), all[1..2]);
        assert_eq!(store.revision(first.uid, 1).await.unwrap().and_then(|r| r.record()), Some(first.clone()));
        assert_eq!(store.revision_at(first.uid, at(9)).await.unwrap(), None);
        assert_eq!(store.revision_at(first.uid, at(25)).await.unwrap().map(|r| r.revision), Some(2));
        assert_eq!(store.heads_at(at(15)).await.unwrap(), std::slice::from_ref(&first));
        assert_eq!(store.heads_at(at(30)).await.unwrap(), [second.clone(), other.clone()]);
        assert_eq!(store.heads_at(at(99)).await.unwrap(), std::slice::from_ref(&other));
        let called = name("component:default/web");
        assert_eq!(store.uid_of_ref_at(&called, at(10)).await.unwrap(), Some(first.uid));
        assert_eq!(store.uid_of_ref_at(&called, at(25)).await.unwrap(), None);
        assert_eq!(store.uid_of_ref_at(&called, at(35)).await.unwrap(), Some(other.uid));
        assert_eq!(store.load().await.unwrap().records, [other]);
    })
    .await;
}

#[tokio::test]
async fn one_batch_may_swap_replace_and_revise_twice() {
    on_both("swap", async |db| {
        let (a, b) = (record(1, "component:default/a", 1, 1), record(2, "component:default/b", 1, 1));
        commit(&db.store, 1, |_, batch| batch.puts = vec![a.clone(), b.clone()]).await.unwrap();
        let a2 = Record { reference: b.reference.clone(), ..revised(&a, 2, 2) };
        let b2 = Record { reference: a.reference.clone(), ..revised(&b, 2, 2) };
        let b3 = revised(&b2, 2, 2);
        let (brief, instead) = (record(3, "component:default/c", 2, 2), record(4, "component:default/c", 2, 2));
        commit(&db.store, 2, |p, batch| {
            batch.puts = vec![a2.clone(), b3.clone(), b2.clone(), brief.clone(), instead.clone()];
            batch.removals = vec![removal(&brief, p, 2)];
        })
        .await
        .unwrap();
        assert_eq!(db.store.load().await.unwrap().records, [b3, a2, instead]);
        assert_eq!(db.store.history(brief.uid, None, 9).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_taken_name_or_revision_is_a_conflict_and_writes_nothing() {
    on_both("taken", async |db| {
        let web = record(1, "component:default/web", 1, 1);
        commit(&db.store, 1, |_, b| b.puts = vec![web.clone()]).await.unwrap();
        let twin = commit(&db.store, 2, |p, b| b.puts = vec![record(2, "component:default/web", p, 2)]).await;
        assert_eq!(twin, Err(StoreError::Conflict));
        let stale = commit(&db.store, 2, |p, b| b.puts = vec![Record { position: p, ..web.clone() }]).await;
        assert_eq!(stale, Err(StoreError::Conflict));
        let loaded = db.store.load().await.unwrap();
        assert_eq!((loaded.position, loaded.records), (1, vec![web]));
    })
    .await;
}

#[tokio::test]
async fn what_does_not_follow_from_the_log_is_refused() {
    on_both("follow", async |db| {
        commit(&db.store, 5, |_, _| {}).await.unwrap();
        for (position, hash, second) in [(3, None, 6), (2, Some("0"), 6), (2, None, 4)] {
            let (mut tx, tail) = db.store.begin(0).await.unwrap();
            let hash = hash.unwrap_or(&tail.last_hash);
            let events = vec![crate::support::event(position, hash, second, None)];
            let refused = tx.write(&Batch { events, ..Batch::default() }).await;
            assert!(matches!(refused, Err(StoreError::Other(_))), "{refused:?}");
        }
        for position in [1, 3] {
            let alien = commit(&db.store, 6, |_, b| b.puts = vec![record(1, "component:default/a", position, 6)]).await;
            assert!(matches!(alien, Err(StoreError::Other(_))), "{alien:?}");
        }
        let (mut tx, _) = db.store.begin(1).await.unwrap();
        let silent = Batch { aliases: vec![(name("component:default/a"), uid(1))], ..Batch::default() };
        assert!(tx.write(&silent).await.is_err());
        tx.rollback().await.unwrap();
        assert_eq!(db.store.last_event().await.unwrap().0, 1);
    })
    .await;
}

#[tokio::test]
async fn a_tail_tells_what_others_wrote() {
    on_both("tail", async |db| {
        let (a, b) = (record(1, "component:default/a", 1, 1), record(2, "component:default/b", 1, 1));
        commit(&db.store, 1, |_, batch| batch.puts = vec![a.clone(), b.clone()]).await.unwrap();
        let a2 = revised(&a, 2, 2);
        let c = record(3, "component:default/b", 3, 3);
        let other = db.again().await;
        commit(&other, 2, |_, batch| batch.puts = vec![a2.clone()]).await.unwrap();
        commit(&other, 3, |p, batch| {
            batch.removals = vec![removal(&b, p, 3)];
            batch.puts = vec![c.clone()];
            batch.aliases = vec![(name("component:default/x"), a.uid)];
        })
        .await
        .unwrap();
        let expected = vec![
            Delta::Remove(b.uid),
            Delta::Put(a2.clone()),
            Delta::Put(c.clone()),
            Delta::Alias(name("component:default/x"), a.uid),
        ];
        let (tx, tail) = db.store.begin(1).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!((tail.position, &tail.changes), (3, &expected));
        assert_eq!(db.store.tail(1).await.unwrap(), tail);
        assert_eq!(db.store.tail(2).await.unwrap().changes.len(), 3);
        assert!(db.store.tail(3).await.unwrap().changes.is_empty());
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn dropping_a_transaction_undoes_it() {
    on_both("dropped", async |db| {
        let (mut tx, tail) = db.store.begin(0).await.unwrap();
        let events = events_after(&tail, &[1]);
        let puts = vec![record(1, "component:default/a", 1, 1)];
        tx.write(&Batch { events, puts, ..Batch::default() }).await.unwrap();
        assert!(tx.head(uid(1)).await.unwrap().is_some());
        drop(tx);
        assert_eq!(commit(&db.store, 1, |_, _| {}).await, Ok(1));
        assert!(db.store.load().await.unwrap().records.is_empty());
    })
    .await;
}

#[tokio::test]
async fn events_are_found_by_what_is_asked() {
    on_both("events", async |db| {
        let web = record(1, "component:default/web", 2, 2);
        commit(&db.store, 1, |_, _| {}).await.unwrap();
        let (mut tx, tail) = db.store.begin(1).await.unwrap();
        let about = crate::support::event(2, &tail.last_hash, 2, Some(&web));
        let batch = Batch { events: vec![about.clone()], puts: vec![web.clone()], ..Batch::default() };
        tx.write(&batch).await.unwrap();
        tx.commit().await.unwrap();
        commit(&db.store, 3, |_, _| {}).await.unwrap();
        let ask = async |filter: EventFilter| {
            let found = db.store.events(&EventFilter { limit: 10, ..filter }).await.unwrap();
            found.into_iter().map(|event| event.position).collect::<Vec<_>>()
        };
        let any = EventFilter::default;
        assert_eq!(ask(any()).await, [3, 2, 1]);
        assert_eq!(ask(EventFilter { subject: Some(web.uid), ..any() }).await, [2]);
        assert_eq!(ask(EventFilter { after: Some(1), ..any() }).await, [2, 3]);
        assert_eq!(ask(EventFilter { before: Some(3), ..any() }).await, [2, 1]);
        assert_eq!(ask(EventFilter { since: Some(at(2)), until: Some(at(3)), ..any() }).await, [2]);
        assert_eq!(ask(EventFilter { principal: Some("user:default/bo".into()), ..any() }).await, [2]);
        let types = vec![about.kind.clone(), "other".to_owned()];
        assert_eq!(ask(EventFilter { types, ..any() }).await, [3, 2, 1]);
        assert!(ask(EventFilter { types: vec!["other".to_owned()], ..any() }).await.is_empty());
        let found = db.store.events(&EventFilter { before: Some(3), limit: 1, ..any() }).await.unwrap();
        assert_eq!(found, [about]);
    })
    .await;
}

#[tokio::test]
async fn the_chain_shows_tampering_and_survives_erasure() {
    on_both("chain", async |db| {
        for second in 1..=5 {
            commit(&db.store, second, |_, _| {}).await.unwrap();
        }
        assert_eq!(db.store.erase_events(&[2]).await, Ok(1));
        assert_eq!(db.store.verify_chain().await.unwrap(), Ok(5));
        let erased = db.store.events(&EventFilter { limit: 5, ..EventFilter::default() }).await.unwrap();
        assert!(erased[3].data.is_null() && !erased[2].data.is_null());
        db.meddle("update events set reason = 'another' where position = 4").await;
        assert_eq!(db.store.verify_chain().await.unwrap().map_err(|b| b.position), Err(4));
        db.meddle("update events set data = '{}' where position = 3").await;
        assert_eq!(db.store.verify_chain().await.unwrap().map_err(|b| b.position), Err(3));
        db.meddle("delete from events where position = 2").await;
        assert_eq!(db.store.verify_chain().await.unwrap().map_err(|b| b.position), Err(3));
    })
    .await;
}
