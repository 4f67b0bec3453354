//! Records to test with.

use loggia_graph::{Audience, Facts, Within};
use loggia_model::{Document, Micros, Record, Ref, Relation, RelationType, Scope, Source, Uid};
use serde_json::{Value, json};
use std::sync::Arc;

/// Reads scopes and relations from plain lists in the document, so that tests do not depend on any kind.
pub fn describe(record: &Record, document: &Document) -> Facts {
    let scopes = |key: &'static str| {
        document.spec_list(key).map(|team| match team {
            "all" => Scope::Company,
            team => Scope::Team(team.into()),
        })
    };
    let relation = |(key, name): (&'static str, &'static str)| {
        let by = RelationType::find(name).expect("a relation");
        let targets = document.spec_list(key).filter_map(|t| t.parse::<Ref>().ok());
        targets.map(move |target| Relation { relation: by, target }).collect::<Vec<_>>()
    };
    let relations = [("owners", "ownedBy"), ("owns", "ownerOf"), ("needs", "dependsOn")].into_iter().flat_map(relation);
    let status = record.reference.kind() == "instance";
    let names = document.spec_list("within").filter_map(|name| name.parse::<Ref>().ok()).collect();
    let within = Within { names, or: scopes("or").collect() };
    Facts { scopes: scopes("seenBy").collect(), relations: relations.collect(), status, within, apart: &[] }
}

/// The identity with this number.
pub fn uid(number: u32) -> Uid {
    Uid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(number)))
}

/// The name with this number: several kinds, some upper case.
pub fn name(number: u32) -> (&'static str, String) {
    let kind = ["Component", "API", "Instance"][number as usize % 3];
    (kind, format!("Thing-{:02}", number / 3))
}

/// A record of a document.
pub fn record(identity: u32, document: Value, status: Option<Value>) -> Record {
    let document = Document(document);
    let text = document.canonical();
    Record {
        uid: uid(identity),
        reference: document.reference(),
        etag: loggia_model::canonical::etag(&text).into(),
        document: text.into(),
        status: status.map(|status| loggia_model::canonical::to_string(&status).into()),
        source: Source::server(),
        revision: 1,
        position: 1,
        created_at: Micros(0),
        updated_at: Micros(0),
    }
}

/// A stream of numbers that is the same in every run.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `below`.
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    /// One of a list.
    pub fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.roll(list.len() as u64) as usize].clone()
    }

    /// A few of a list, perhaps one twice.
    fn some<T: Clone>(&mut self, list: &[T], most: u64) -> Vec<T> {
        (0..self.roll(most + 1)).map(|_| self.pick(list)).collect()
    }

    /// Sometimes.
    fn chance(&mut self, of: u64) -> bool {
        self.roll(of) == 0
    }
}

/// A document with the name of this number, with every trick of the flattening rules now and then. `names` is how
/// many names there are to relate to.
pub fn document(number: u32, names: u32, dice: &mut Dice) -> Value {
    let (kind, own) = name(number);
    let mut metadata = json!({"name": own});
    if dice.chance(3) {
        metadata["namespace"] = json!(dice.pick(&["default", "team-a"]));
    }
    if !dice.chance(3) {
        metadata["title"] = json!(dice.pick(&["Straße", "STRASSE", "Order desk", "order Desk", "ΣΑΣ", "%", "a_b", ""]));
    }
    if !dice.chance(3) {
        metadata["tags"] = json!(dice.some(&["java", "Java", "go", "x.y", "true"], 3));
    }
    let target = |dice: &mut Dice| {
        let (kind, name) = name(dice.roll(u64::from(names)) as u32);
        format!("{kind}:{name}")
    };
    let mut spec = json!({"seenBy": dice.some(&["all", "a", "b"], 2)});
    for key in ["owners", "owns", "needs"] {
        if !dice.chance(2) {
            spec[key] = (0..dice.roll(4)).map(|_| json!(target(dice))).collect();
        }
    }
    if dice.chance(3) {
        spec["within"] = (0..dice.roll(3)).map(|_| json!(target(dice))).collect();
        spec["or"] = json!(dice.some(&["all", "b", "c"], 1));
    }
    if !dice.chance(4) {
        let values = [
            json!("service"),
            json!("Service"),
            json!("web"),
            json!(null),
            json!(7),
            json!("7"),
            json!(1.50),
            json!(true),
            json!("x".repeat(201)),
            json!(["web", "web", "job"]),
            json!(["web", null]),
            json!({"web": "yes"}),
            json!([]),
            json!([["deep", 1], {"web": ["web"]}]),
            json!({"web": true}),
            json!(["Web", {"web": null}]),
        ];
        spec["type"] = dice.pick(&values);
    }
    if dice.chance(2) {
        spec["rank"] = json!(dice.roll(50).to_string());
    }
    json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec})
}

/// A record with a random document under the name of this number.
pub fn random(identity: u32, number: u32, names: u32, dice: &mut Dice) -> Arc<Record> {
    let document = document(number, names, dice);
    let status = dice.chance(2).then(|| json!({"phase": dice.pick(&["ready", "Failed"]), "outputs": {"port": 5432}}));
    Arc::new(record(identity, document, status))
}

/// Every audience worth asking with.
pub fn audiences() -> Vec<Audience> {
    let team = |name: &str| Scope::Team(name.into());
    vec![
        Audience::All,
        Audience::of([]),
        Audience::of([Scope::Company]),
        Audience::of([team("a")]),
        Audience::of([team("b"), Scope::Company]),
        Audience::of([team("a"), team("b"), team("c")]),
    ]
}
