//! Conditions on records.

use loggia_model::RelationType;

/// A condition on the flattened leaves of a record (`kind`, `metadata.name`, `spec.type`, `relations.ownedby`, …).
///
/// Keys and values are compared without regard to case, numbers and booleans as their text. A `null` leaf and a value
/// of more than 200 characters only *exist*. The semantics are those of the Backstage catalog, which our own API
/// shares.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Predicate {
    /// Every record.
    #[default]
    Everything,
    /// No record.
    Nothing,
    /// Records that meet all of these; every record when there are none.
    All(Vec<Predicate>),
    /// Records that meet at least one of these; no record when there are none.
    Any(Vec<Predicate>),
    /// Records that do not meet this.
    Not(Box<Predicate>),
    /// Records that have this key, with whatever value.
    Exists(String),
    /// Records in which the key has one of these values; no record when there are none.
    In(String, Vec<String>),
    /// Records in which a value of the key starts with this text; the empty text asks for any value.
    Prefix(String, String),
    /// Records with a relation of this type, to one of these targets when they are given.
    Relation(RelationType, Option<Vec<String>>),
}

impl Predicate {
    /// Records in which the key has this value.
    pub fn equals(key: impl Into<String>, value: impl Into<String>) -> Predicate {
        Predicate::In(key.into(), vec![value.into()])
    }

    /// Records that have this key.
    pub fn exists(key: impl Into<String>) -> Predicate {
        Predicate::Exists(key.into())
    }

    /// Records in which a value of the key starts with this text.
    pub fn prefix(key: impl Into<String>, text: impl Into<String>) -> Predicate {
        Predicate::Prefix(key.into(), text.into())
    }

    /// Records that do not meet this.
    #[must_use]
    pub fn negate(self) -> Predicate {
        Predicate::Not(Box::new(self))
    }

    /// Records that meet both.
    #[must_use]
    pub fn and(self, other: Predicate) -> Predicate {
        match self {
            Predicate::Everything => other,
            Predicate::All(mut list) => {
                list.push(other);
                Predicate::All(list)
            }
            one => Predicate::All(vec![one, other]),
        }
    }
}
