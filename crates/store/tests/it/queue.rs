use crate::support::{at, on_both, uid};
use loggia_model::operation::{Operation, OperationStep, State, Verb};
use loggia_store::{Batch, Claimed, Due, NewWork, Store, StoreError, Times, WorkClass};
use serde_json::json;
use std::collections::HashSet;

fn work(number: u64, class: WorkClass, subject: u64, second: i64) -> NewWork {
    let payload = json!({"number": number});
    NewWork {
        id: uid(number),
        class,
        subject: uid(subject),
        key: format!("key {number}"),
        place: format!("place {subject}"),
        not_before: at(second),
        payload,
    }
}

pub fn operation(number: u64, instance: u64, second: i64) -> Operation {
    Operation {
        id: uid(number),
        instance: uid(instance),
        instance_ref: "instance:booking/db.test".to_owned(),
        verb: Verb::Apply,
        driver: "postgres".to_owned(),
        state: State::Queued,
        steps: Vec::new(),
        attempt: 0,
        requested_by: "user:default/amara".to_owned(),
        created_at: at(second),
        ended_at: None,
        message: String::new(),
        mend: String::new(),
        next_at: None,
        last_failure: String::new(),
    }
}

async fn write(store: &Store, batch: Batch) {
    let (mut tx, _) = store.begin(0).await.unwrap();
    tx.write(&batch).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(store: &Store, second: i64) -> Option<Claimed> {
    store.claim("worker", Times::at(at(second)), 30, &WorkClass::ALL, &[]).await.unwrap()
}

async fn finish(store: &Store, claimed: &Claimed) -> Result<(), StoreError> {
    let (mut tx, _) = store.begin(0).await?;
    tx.finish(claimed.id, claimed.fence).await?;
    tx.commit().await
}

#[tokio::test]
async fn the_most_urgent_work_goes_first() {
    on_both("urgent", async |db| {
        let store = &db.store;
        let pieces = vec![
            work(1, WorkClass::Delivery, 11, 0),
            work(2, WorkClass::People, 12, 5),
            work(3, WorkClass::People, 13, 4),
            work(4, WorkClass::People, 14, 99),
            work(5, WorkClass::Drift, 15, 0),
        ];
        write(store, Batch { work: pieces.clone(), ..Batch::default() }).await;
        write(store, Batch { work: pieces, ..Batch::default() }).await;
        assert_eq!(store.work_counts(at(10)).await.unwrap(), (5, 0));
        let only = store.claim("worker", Times::at(at(10)), 30, &[WorkClass::Drift], &[]).await.unwrap().unwrap();
        assert_eq!((only.id, only.class, only.payload), (uid(5), WorkClass::Drift, json!({"number": 5})));
        let mut order = Vec::new();
        while let Some(claimed) = claim(store, 10).await {
            assert_eq!((claimed.attempt, claimed.lease_until), (1, at(40)));
            order.push(claimed.id);
        }
        assert_eq!(order, [uid(3), uid(2), uid(1)]);
        assert_eq!(store.work_counts(at(10)).await.unwrap(), (5, 4));
        let held = store.work_of(uid(13)).await.unwrap();
        assert_eq!(
            (held.len(), held[0].lease_owner.as_deref(), held[0].lease_until),
            (1, Some("worker"), Some(at(40)))
        );
    })
    .await;
}

#[tokio::test]
async fn a_stale_fence_is_refused() {
    on_both("fence", async |db| {
        let store = &db.store;
        let op = operation(50, 11, 0);
        let batch =
            Batch { work: vec![work(1, WorkClass::People, 11, 0)], operations: vec![op.clone()], ..Batch::default() };
        write(store, batch).await;
        let old = claim(store, 1).await.unwrap();
        store.heartbeat(old.id, old.fence, at(60)).await.unwrap();
        assert_eq!(claim(store, 59).await, None);
        let new = claim(store, 61).await.unwrap();
        let same = (new.id, new.attempt, new.fence > old.fence);
        assert_eq!(same, (old.id, 1, true), "who held it is gone, and the work is not to blame");
        let conflict = Err(StoreError::Conflict);
        let running = Operation { state: State::Running, ..op.clone() };
        assert_eq!(store.heartbeat(old.id, old.fence, at(99)).await, conflict);
        assert_eq!(store.retry(old.id, old.fence, at(99)).await, conflict);
        assert_eq!(store.save_progress(&running, old.id, old.fence).await, conflict);
        assert_eq!(finish(store, &old).await, conflict);
        assert_eq!(store.operation(op.id).await.unwrap(), Some(op));
        store.save_progress(&running, new.id, new.fence).await.unwrap();
        assert_eq!(store.operation(running.id).await.unwrap(), Some(running));
        store.retry(new.id, new.fence, at(200)).await.unwrap();
        assert_eq!(finish(store, &new).await, conflict);
        assert_eq!(claim(store, 199).await, None);
        let last = claim(store, 200).await.unwrap();
        assert_eq!((last.attempt, last.fence), (2, 3), "it was given back once");
        assert_eq!(store.drop_work(last.id).await, Ok(false));
        finish(store, &last).await.unwrap();
        assert_eq!(store.work_counts(at(300)).await.unwrap(), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn one_piece_at_a_time_runs_for_a_subject() {
    on_both("subject", async |db| {
        let store = &db.store;
        let pieces = vec![work(1, WorkClass::Drift, 11, 0), work(2, WorkClass::People, 11, 2)];
        write(store, Batch { work: pieces, ..Batch::default() }).await;
        let drift = claim(store, 1).await.unwrap();
        assert_eq!(claim(store, 3).await, None);
        let again = claim(store, 40).await.unwrap();
        assert_eq!(again.id, drift.id, "the lease ran out: what it began is looked at first");
        finish(store, &again).await.unwrap();
        let people = claim(store, 41).await.unwrap();
        assert_eq!(people.id, uid(2));
        assert_eq!(store.work_of(uid(11)).await.unwrap().len(), 1);
        store.retry(people.id, people.fence, at(50)).await.unwrap();
        assert_eq!(store.drop_work(people.id).await, Ok(true));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_workers_never_hold_the_same() {
    on_both("workers", async |db| {
        let pieces: Vec<NewWork> = (0..120).map(|n| work(n, WorkClass::People, 1000 + n / 3, 0)).collect();
        write(&db.store, Batch { work: pieces, ..Batch::default() }).await;
        let running = std::sync::Arc::new(std::sync::Mutex::new(HashSet::new()));
        let mut workers = Vec::new();
        for worker in 0..8 {
            let (store, running) = (db.store.clone(), running.clone());
            workers.push(tokio::spawn(async move {
                let (mut done, mut idle) = (Vec::new(), 0);
                while idle < 50 {
                    let Some(claimed) =
                        store.claim(&format!("w{worker}"), Times::at(at(1)), 600, &WorkClass::ALL, &[]).await.unwrap()
                    else {
                        idle += 1;
                        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                        continue;
                    };
                    idle = 0;
                    assert!(running.lock().unwrap().insert(claimed.subject), "two run for one subject");
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                    running.lock().unwrap().remove(&claimed.subject);
                    finish(&store, &claimed).await.unwrap();
                    done.push(claimed.id);
                }
                done
            }));
        }
        let mut done = Vec::new();
        for worker in workers {
            done.extend(worker.await.unwrap());
        }
        assert_eq!(done.len(), 120);
        assert_eq!(done.iter().collect::<HashSet<_>>().len(), 120);
    })
    .await;
}

#[tokio::test]
async fn operations_and_their_lines() {
    on_both("operations", async |db| {
        let store = &db.store;
        let (first, second) = (operation(1, 11, 1), operation(2, 11, 2));
        write(
            store,
            Batch { operations: vec![first.clone(), second.clone(), operation(3, 12, 3)], ..Batch::default() },
        )
        .await;
        let step = OperationStep {
            name: "apply".to_owned(),
            state: State::Succeeded,
            message: "made".to_owned(),
            started_at: Some(at(4)),
            ended_at: None,
            until: None,
        };
        let ended = Operation {
            state: State::Succeeded,
            steps: vec![step],
            attempt: 2,
            ended_at: Some(at(5)),
            ..first.clone()
        };
        write(store, Batch { operations: vec![first, ended.clone()], ..Batch::default() }).await;
        assert_eq!(store.operations_of(uid(11), 10).await.unwrap(), [second.clone(), ended.clone()]);
        assert_eq!(store.operations_of(uid(11), 1).await.unwrap(), [second]);
        let open = store.open_operations(10).await.unwrap();
        assert_eq!(open.iter().map(|o| o.id).collect::<Vec<_>>(), [uid(2), uid(3)]);
        let lines: Vec<_> = (1..=100).map(|n| (at(n), format!("line {n}"))).collect();
        assert_eq!(store.append_log(ended.id, &lines).await, Ok(100));
        assert_eq!(store.append_log(ended.id, &lines[..1]).await, Ok(101));
        let tail = store.log_lines(ended.id, 98, 10).await.unwrap();
        assert_eq!(
            tail.iter().map(|l| (l.seq, l.text.as_str())).collect::<Vec<_>>(),
            [(99, "line 99"), (100, "line 100"), (101, "line 1")]
        );
    })
    .await;
}

#[tokio::test]
async fn deadlines_are_moved_listed_by_kind_and_dropped() {
    on_both("due", async |db| {
        let store = &db.store;
        let due = |key: &str, second| Due {
            key: key.to_owned(),
            time: at(second),
            kind: "exemption.ends".to_owned(),
            subject: Some(uid(1)),
            payload: json!({"a": 1}),
        };
        write(store, Batch { due: vec![due("a", 1), due("b", 2), due("c", 3), due("d", 4)], ..Batch::default() }).await;
        let moved = Batch { due: vec![due("a", 9)], due_removals: vec!["c".to_owned()], ..Batch::default() };
        write(store, moved).await;
        let ends = ["exemption.ends"];
        assert_eq!(store.due_before(at(5), &ends, 10).await.unwrap(), [due("b", 2), due("d", 4)]);
        assert_eq!(store.due_before(at(5), &ends, 1).await.unwrap(), [due("b", 2)]);
        assert!(store.due_before(at(5), &["campaign.ends"], 10).await.unwrap().is_empty());
        assert_eq!(store.due("a").await.unwrap(), Some(due("a", 9)));
        assert_eq!(store.due("c").await.unwrap(), None);
    })
    .await;
}
