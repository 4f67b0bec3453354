//! Figures; run with `cargo test --release -p loggia-store speed -- --ignored --nocapture`.

use crate::support::{at, event, on_both, record};
use loggia_model::{Event, Record};
use loggia_store::Batch;
use std::time::Instant;

/// Records and their events, in order of names, chained from nothing.
fn many(count: u64) -> (Vec<Record>, Vec<Event>) {
    let mut events: Vec<Event> = Vec::new();
    let mut records = Vec::new();
    for number in 1..=count {
        let position = i64::try_from(number).unwrap();
        let mut record = record(number, &format!("component:default/service-{number:07}"), position, 1);
        let padding = format!(r#""spec":{{"about":"{}","#, "lorem ipsum ".repeat(65));
        record.document = record.document.replace(r#""spec":{"#, &padding).into();
        let previous = events.last().map_or("", |e| e.hash.as_str());
        events.push(event(position, previous, 1, Some(&record)));
        records.push(record);
    }
    (records, events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn bulk_write_and_load() {
    for count in [10_000, 100_000] {
        on_both(&format!("speed_{count}"), async |db| {
            let (puts, events) = many(count);
            let batch = Batch { puts, events, ..Batch::default() };
            let start = Instant::now();
            let (mut tx, _) = db.store.begin(0).await.unwrap();
            tx.write(&batch).await.unwrap();
            tx.commit().await.unwrap();
            let wrote = start.elapsed();
            for _ in 0..3 {
                let start = Instant::now();
                let loaded = db.store.load().await.unwrap();
                println!("{}: {} loaded in {:?}", db.name, loaded.records.len(), start.elapsed());
            }
            let start = Instant::now();
            assert_eq!(db.store.verify_chain().await.unwrap().unwrap(), i64::try_from(count).unwrap());
            println!("{}: written in {wrote:?}, chain checked in {:?}", db.name, start.elapsed());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn small_commits() {
    on_both("speed_small", async |db| {
        let (puts, events) = many(500);
        let start = Instant::now();
        for (put, event) in puts.into_iter().zip(events) {
            let (mut tx, _) = db.store.begin(event.position - 1).await.unwrap();
            tx.write(&Batch { puts: vec![put], events: vec![event], ..Batch::default() }).await.unwrap();
            tx.commit().await.unwrap();
        }
        println!("{}: one commit with one change in {:?}", db.name, start.elapsed() / 500);
        let start = Instant::now();
        for _ in 0..500 {
            db.store.last_event().await.unwrap();
        }
        println!("{}: one read in {:?}", db.name, start.elapsed() / 500);
        assert_eq!(db.store.load().await.unwrap().last_time, at(1));
    })
    .await;
}
