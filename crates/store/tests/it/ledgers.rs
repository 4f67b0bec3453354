use crate::support::{at, on_both, uid};
use loggia_model::Micros;
use loggia_model::time::DAY;
use loggia_model::usage::{MOST_A_DAY, UsageReading, Use};
use loggia_store::{Batch, Blob, DailyUsage, Item, SecretRow, Sighting, SourceRow, Unmatched, UsageFilter};
use serde_json::json;
use std::collections::BTreeMap;

pub fn reading(id: &str, day: i64, team: Option<&str>, count: i64) -> UsageReading {
    UsageReading {
        source: "driver:postgres".to_owned(),
        id: id.to_owned(),
        time: Micros(at(0).day() * DAY + day * DAY + 5),
        team: team.map(ToOwned::to_owned),
        principal: Some("user:default/amara".to_owned()),
        offering: "offering:default/postgres".to_owned(),
        release: Some("postgres-2.2.0".to_owned()),
        feature: Some("replica".to_owned()),
        instance: Some("instance:booking/db.test".to_owned()),
        channel: "connection".to_owned(),
        count,
        outcome: "ok".to_owned(),
        mandated: false,
    }
}

pub fn secret(number: u64, record: u64, field: &str) -> SecretRow {
    SecretRow {
        id: uid(number),
        uid: uid(record),
        field: field.to_owned(),
        key_id: "k1".to_owned(),
        nonce: vec![0, 1, 255],
        ciphertext: vec![9; 40],
    }
}

pub fn sighting(number: u64, first: i64, last: i64, source: &str) -> Sighting {
    Sighting { uid: uid(number), first_seen: at(first), last_seen: at(last), source: source.to_owned() }
}

pub fn item(record: u64, about: u64, second: i64) -> Item {
    Item { record: uid(record), about: uid(about), time: at(second), data: json!({"seen": second}) }
}

pub fn unmatched(key: &str, second: i64) -> Unmatched {
    Unmatched {
        key: key.to_owned(),
        attributes: json!({"image": "redis:6", "seen": second}),
        why: "No offering matches redis:6.".to_owned(),
        first_seen: at(second),
        last_seen: at(second),
        count: 1,
        dismissed: false,
    }
}

pub fn source(id: &str) -> SourceRow {
    SourceRow {
        id: id.to_owned(),
        kind: "repository".to_owned(),
        location: "https://git.example.com/platform.git".to_owned(),
        last_commit: Some("abc".to_owned()),
        last_sync: Some(at(2)),
        last_ok: Some(at(1)),
        state: json!({"problems": [], "held": ["component:default/a"]}),
    }
}

/// The days, made again from the rows.
fn recomputed(rows: &[UsageReading]) -> BTreeMap<(i64, String, String, bool), (i64, i64)> {
    let mut days = BTreeMap::new();
    for row in rows {
        let team = row.team.clone().unwrap_or_default();
        let key = (row.time.day(), team, row.release.clone().unwrap_or_default(), row.mandated);
        let sum = days.entry(key).or_insert((0, 0));
        sum.0 += row.count;
        sum.1 += if row.outcome == "ok" { 0 } else { row.count };
    }
    days
}

fn rolled_up(days: &[DailyUsage]) -> BTreeMap<(i64, String, String, bool), (i64, i64)> {
    let mut sums = BTreeMap::new();
    for day in days {
        let sum = sums.entry((day.day, day.team.clone(), day.release.clone(), day.mandated)).or_insert((0, 0));
        sum.0 += day.count;
        sum.1 += day.errors;
    }
    sums
}

#[tokio::test]
async fn usage_is_kept_once_and_rolled_up() {
    on_both("usage", async |db| {
        let store = &db.store;
        let (booking, crew) = (Some("group:default/booking"), Some("group:default/crew"));
        let failed = UsageReading { outcome: "error".to_owned(), ..reading("4", 1, booking, 4) };
        let forced = UsageReading { mandated: true, ..reading("5", 2, crew, 7) };
        let unknown = UsageReading { release: None, instance: None, ..reading("6", 0, None, 1) };
        let first = [reading("1", 0, booking, 1), reading("2", 0, booking, 2), reading("1", 0, booking, 50)];
        let second = [reading("2", 3, crew, 99), reading("3", 1, booking, 3), failed, forced, unknown];
        assert_eq!(store.ingest_usage(&first).await, Ok(2));
        assert_eq!(store.ingest_usage(&second).await, Ok(4));
        let (mut tx, _) = store.begin(0).await.unwrap();
        let usage = vec![reading("7", 0, booking, 10), reading("1", 0, booking, 1)];
        tx.write(&Batch { usage, ..Batch::default() }).await.unwrap();
        tx.commit().await.unwrap();
        let rows = store.usage_rows("offering:default/postgres", (at(-99_999), at(999_999)), None, 100).await.unwrap();
        assert_eq!(rows.len(), 7);
        assert_eq!(rows[0], second[3]);
        let days = store.usage_daily(&UsageFilter::default()).await.unwrap();
        assert_eq!(rolled_up(&days), recomputed(&rows));
        let uses = store.uses(&UsageFilter { team: booking.map(Into::into), ..UsageFilter::default() }).await.unwrap();
        let expected = Use {
            offering: "offering:default/postgres".to_owned(),
            release: "postgres-2.2.0".to_owned(),
            team: "group:default/booking".to_owned(),
            unknown_team: String::new(),
            principal: String::new(),
            instance: "instance:booking/db.test".to_owned(),
            since: first[0].time,
            last_seen: second[1].time,
            by_choice: 20,
            mandated: 0,
            errors: 4,
        };
        assert_eq!((uses[0].total(), uses), (20, vec![expected]));
        let all = store.uses(&UsageFilter::default()).await.unwrap();
        assert_eq!(all.iter().map(Use::total).collect::<Vec<_>>(), [1, 20, 7]);
        assert_eq!(all[0].principal, "user:default/amara");
        let day = at(0).day() + 1;
        let filter = UsageFilter {
            offering: Some("offering:default/postgres".to_owned()),
            release: Some("postgres-2.2.0".to_owned()),
            instance: Some("instance:booking/db.test".to_owned()),
            from_day: Some(day),
            to_day: Some(day),
            ..UsageFilter::default()
        };
        assert_eq!(store.usage_daily(&filter).await.unwrap().iter().map(|d| d.count).collect::<Vec<_>>(), [7]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn usage_from_many_at_once_adds_up() {
    on_both("usage_many", async |db| {
        let mut doors = Vec::new();
        for door in 0..4 {
            let store = db.store.clone();
            doors.push(tokio::spawn(async move {
                for round in 0..10 {
                    let batch: Vec<UsageReading> = (0..20)
                        .map(|n| reading(&format!("{door} {round} {n}"), n % 3, Some("group:default/a"), 1))
                        .collect();
                    store.ingest_usage(&batch).await.unwrap();
                    store.ingest_usage(&batch).await.unwrap();
                }
            }));
        }
        for door in doors {
            door.await.unwrap();
        }
        let uses = db.store.uses(&UsageFilter::default()).await.unwrap();
        assert_eq!(uses.iter().map(Use::total).collect::<Vec<_>>(), [800]);
    })
    .await;
}

#[tokio::test]
async fn of_an_item_what_came_last_holds() {
    on_both("items", async |db| {
        let store = &db.store;
        for second in 1..3 {
            let (mut tx, _) = store.begin(0).await.unwrap();
            let items = vec![item(1, 3, 0), item(1, 3, second), item(2, 3, second), item(1, 4, 7)];
            tx.write(&Batch { items, ..Batch::default() }).await.unwrap();
            assert_eq!(tx.items_of(uid(1)).await.unwrap(), [item(1, 3, second), item(1, 4, 7)]);
            tx.commit().await.unwrap();
        }
        assert_eq!(store.items_of(uid(1)).await.unwrap(), [item(1, 3, 2), item(1, 4, 7)]);
        assert_eq!(store.items_about(uid(3)).await.unwrap(), [item(1, 3, 2), item(2, 3, 2)]);
        assert_eq!(store.items_of(uid(9)).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn sightings_only_move_apart() {
    on_both("sightings", async |db| {
        let store = &db.store;
        store.see(&[sighting(1, 10, 10, "driver"), sighting(2, 10, 10, "driver")]).await.unwrap();
        store.see(&[sighting(1, 20, 20, "pipeline"), sighting(1, 5, 5, "import")]).await.unwrap();
        let (mut tx, _) = store.begin(0).await.unwrap();
        tx.write(&Batch { sightings: vec![sighting(2, 3, 9, "late")], ..Batch::default() }).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.sighting(uid(1)).await.unwrap(), Some(sighting(1, 5, 20, "pipeline")));
        assert_eq!(store.sightings().await.unwrap(), [sighting(1, 5, 20, "pipeline"), sighting(2, 3, 10, "driver")]);
        assert_eq!(store.sighting(uid(3)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_matched_nothing_is_counted_and_forgotten() {
    on_both("unmatched", async |db| {
        let (mut tx, _) = db.store.begin(0).await.unwrap();
        let unmatched_things = vec![unmatched("a", 5), unmatched("b", 1), unmatched("a", 3)];
        tx.write(&Batch { unmatched: unmatched_things, ..Batch::default() }).await.unwrap();
        let a = Unmatched { first_seen: at(3), last_seen: at(5), count: 2, ..unmatched("a", 3) };
        assert_eq!(tx.unmatched(10).await.unwrap(), [a, unmatched("b", 1)]);
        tx.write(&Batch { matched: vec!["a".to_owned()], ..Batch::default() }).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(db.store.unmatched(10).await.unwrap(), [unmatched("b", 1)]);
        let (mut tx, _) = db.store.begin(0).await.unwrap();
        tx.write(&Batch { dismissed: vec!["b".to_owned()], ..Batch::default() }).await.unwrap();
        tx.write(&Batch { unmatched: vec![unmatched("b", 2)], ..Batch::default() }).await.unwrap();
        let b = Unmatched { first_seen: at(1), count: 2, dismissed: true, ..unmatched("b", 2) };
        assert_eq!(tx.unmatched(10).await.unwrap(), [b], "what was put aside stays so when it is seen again");
    })
    .await;
}

#[tokio::test]
async fn sources_blobs_and_single_values() {
    on_both("values", async |db| {
        let store = &db.store;
        let (a, mut b) = (source("repository:a"), source("repository:b"));
        store.put_source(&a).await.unwrap();
        store.put_source(&b).await.unwrap();
        b.last_commit = None;
        store.put_source(&b).await.unwrap();
        assert_eq!(store.sources().await.unwrap(), [a.clone(), b]);
        assert_eq!(store.delete_source("repository:b").await, Ok(true));
        assert_eq!(
            (store.source("repository:a").await.unwrap(), store.source("repository:b").await.unwrap()),
            (Some(a), None)
        );

        let bytes: Vec<u8> = (0..=255).collect();
        let hash = store.put_blob("image/png", &bytes).await.unwrap();
        assert_eq!(hash, "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880");
        assert_eq!(store.put_blob("other", &bytes).await.as_deref(), Ok(hash.as_str()));
        assert_eq!(store.blob(&hash).await.unwrap(), Some(Blob { media: "image/png".to_owned(), bytes }));
        assert_eq!(store.delete_blob(&hash).await, Ok(true));
        assert_eq!(store.blob(&hash).await.unwrap(), None);

        assert_eq!(store.put_meta_if_absent("key", "a").await.as_deref(), Ok("a"));
        assert_eq!(store.put_meta_if_absent("key", "b").await.as_deref(), Ok("a"));
        store.put_meta("key", "c").await.unwrap();
        assert_eq!(store.meta("key").await.unwrap().as_deref(), Some("c"));
        assert_eq!(store.meta("other").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn secrets_are_replaced_and_forgotten() {
    on_both("secrets", async |db| {
        let store = &db.store;
        let all = [secret(1, 11, "outputs.password"), secret(2, 11, "outputs.url"), secret(3, 12, "inputs.key")];
        store.put_secrets(&all).await.unwrap();
        let newer = SecretRow { key_id: "k2".to_owned(), ..secret(4, 11, "outputs.password") };
        let (mut tx, _) = store.begin(0).await.unwrap();
        let batch = Batch { secrets: vec![newer.clone()], secret_removals: vec![uid(12)], ..Batch::default() };
        tx.write(&batch).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.secrets_of(uid(11)).await.unwrap(), [newer.clone(), all[1].clone()]);
        assert_eq!(store.secret(uid(11), "outputs.password").await.unwrap(), Some(newer));
        assert_eq!(store.secrets_of(uid(12)).await.unwrap(), []);
        assert_eq!(store.delete_secret(uid(11), "outputs.url").await, Ok(true));
        assert_eq!(store.delete_secret(uid(11), "outputs.url").await, Ok(false));
    })
    .await;
}

/// No number makes the writing or the reading of another one fail: a day holds what a day can hold.
#[tokio::test]
async fn days_are_full_at_some_point() {
    on_both("days_are_full", async |db| {
        let (store, booking) = (&db.store, Some("group:default/booking"));
        for (round, count) in [i64::MAX, i64::MAX, i64::MIN, 1, i64::MAX].into_iter().enumerate() {
            let id = |at: usize| format!("{round}-{at}");
            let failed = UsageReading { outcome: "error".to_owned(), ..reading(&id(1), 0, booking, count) };
            store.ingest_usage(&[reading(&id(0), 0, booking, count), failed]).await.unwrap();
            let uses = store.uses(&UsageFilter::default()).await.unwrap();
            assert_eq!((uses[0].by_choice, uses[0].errors), (MOST_A_DAY, MOST_A_DAY), "{round}");
        }
    })
    .await;
}
