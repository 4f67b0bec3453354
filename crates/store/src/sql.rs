//! One statement, whichever driver: values go in and cells come out as integers, texts or bytes.
//!
//! The text of a statement is the same on both databases, with `$1` placeholders. Integers are 64 bits wide and also
//! stand for booleans and times.

use crate::error::StoreError;
use futures_util::TryStreamExt;
use loggia_model::{Micros, Ref, Uid};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Postgres, Sqlite};
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

/// A value for a placeholder. The empty ones keep their type, because PostgreSQL wants to know it.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<Arc<str>>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! values {
    ($($type:ty => |$value:ident| $make:expr;)+) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Value {
                $make
            }
        })+
    };
}

values! {
    i64 => |v| Value::Int(Some(v));
    Option<i64> => |v| Value::Int(v);
    bool => |v| Value::Int(Some(i64::from(v)));
    Micros => |v| Value::Int(Some(v.0));
    Option<Micros> => |v| Value::Int(v.map(|t| t.0));
    &str => |v| Value::Text(Some(v.into()));
    Option<&str> => |v| Value::Text(v.map(Into::into));
    String => |v| Value::Text(Some(v.into()));
    &String => |v| Value::Text(Some(v.as_str().into()));
    &Option<String> => |v| Value::Text(v.as_deref().map(Into::into));
    &Arc<str> => |v| Value::Text(Some(v.clone()));
    &Option<Arc<str>> => |v| Value::Text(v.clone());
    Uid => |v| Value::Text(Some(v.to_string().into()));
    Option<Uid> => |v| Value::Text(v.map(|u| u.to_string().into()));
    &Ref => |v| Value::Text(Some(v.as_str().into()));
    &serde_json::Value => |v| Value::Text(Some(loggia_model::canonical::to_string(v).into()));
    &[u8] => |v| Value::Bytes(Some(v.to_vec()));
}

/// A statement with its values.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

/// Starts a statement.
pub(crate) fn sql(text: &'static str) -> Sql {
    Sql { text: Cow::Borrowed(text), values: Vec::new() }
}

impl Sql {
    /// A statement whose text was put together by this crate; never from what a caller gave.
    pub(crate) fn built(text: String, values: Vec<Value>) -> Sql {
        Sql { text: Cow::Owned(text), values }
    }

    /// Gives the value of the next placeholder.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Sql {
        self.values.push(value.into());
        self
    }

    /// Appends text.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.to_mut().push_str(text);
    }

    /// Appends text and a placeholder with its value.
    pub(crate) fn push_bind(&mut self, text: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let number = self.values.len();
        // Writing to a String does not fail.
        let _ = write!(self.text.to_mut(), "{text}${number}");
    }

    /// Appends text and a placeholder when there is a value.
    pub(crate) fn push_some(&mut self, text: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.push_bind(text, value);
        }
    }

    /// Appends a list of placeholders in brackets.
    pub(crate) fn push_list<V: Into<Value>>(&mut self, text: &str, values: impl IntoIterator<Item = V>) {
        self.push(text);
        let mut separator = "(";
        for value in values {
            self.push_bind(separator, value);
            separator = ",";
        }
        self.push(if separator == "(" { "(null)" } else { ")" });
    }
}

/// A connection of either kind, in or out of a transaction.
pub(crate) enum Conn<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

fn sqlite(statement: Sql) -> Query<'static, Sqlite, SqliteArguments> {
    statement.values.into_iter().fold(sqlx::query(AssertSqlSafe(statement.text)), |query, value| match value {
        Value::Int(v) => query.bind(v),
        Value::Text(v) => query.bind(v),
        Value::Bytes(v) => query.bind(v),
    })
}

fn postgres(statement: Sql) -> Query<'static, Postgres, PgArguments> {
    statement.values.into_iter().fold(sqlx::query(AssertSqlSafe(statement.text)), |query, value| match value {
        Value::Int(v) => query.bind(v),
        Value::Text(v) => query.bind(v),
        Value::Bytes(v) => query.bind(v),
    })
}

impl Conn<'_> {
    /// Runs a statement and tells how many rows it touched.
    pub(crate) async fn run(&mut self, statement: Sql) -> Result<u64, StoreError> {
        Ok(match self {
            Conn::Sqlite(conn) => sqlite(statement).execute(&mut **conn).await?.rows_affected(),
            Conn::Postgres(conn) => postgres(statement).execute(&mut **conn).await?.rows_affected(),
        })
    }

    /// All rows of a statement.
    pub(crate) async fn all(&mut self, statement: Sql) -> Result<Vec<Row>, StoreError> {
        Ok(match self {
            Conn::Sqlite(conn) => {
                sqlite(statement).fetch_all(&mut **conn).await?.into_iter().map(Row::Sqlite).collect()
            }
            Conn::Postgres(conn) => {
                postgres(statement).fetch_all(&mut **conn).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// All rows of a statement, read into values as they arrive.
    pub(crate) async fn list<T: FromRow>(&mut self, statement: Sql) -> Result<Vec<T>, StoreError> {
        let mut values = Vec::new();
        match self {
            Conn::Sqlite(conn) => {
                let mut rows = sqlite(statement).fetch(&mut **conn);
                while let Some(row) = rows.try_next().await? {
                    values.push(T::read(&Row::Sqlite(row))?);
                }
            }
            Conn::Postgres(conn) => {
                let mut rows = postgres(statement).fetch(&mut **conn);
                while let Some(row) = rows.try_next().await? {
                    values.push(T::read(&Row::Postgres(row))?);
                }
            }
        }
        Ok(values)
    }

    /// The first row of a statement, if there is one.
    pub(crate) async fn first<T: FromRow>(&mut self, statement: Sql) -> Result<Option<T>, StoreError> {
        self.all(statement).await?.first().map(T::read).transpose()
    }
}

/// A row of either kind.
pub(crate) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

/// A value that is made from the cells of a row, in the order of the columns.
pub(crate) trait FromRow: Sized {
    /// Takes the cells.
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError>;

    /// Reads a whole row.
    fn read(row: &Row) -> Result<Self, StoreError> {
        Self::from_cells(&mut Cells::of(row))
    }
}

/// The cells of a row, taken one after another.
pub(crate) struct Cells<'a> {
    row: &'a Row,
    at: usize,
}

impl<'a> Cells<'a> {
    /// The cells of a row, from the first one.
    pub(crate) fn of(row: &'a Row) -> Cells<'a> {
        Cells { row, at: 0 }
    }

    /// The next cell.
    pub(crate) fn take<T: FromCell>(&mut self) -> Result<T, StoreError> {
        let at = self.at;
        self.at += 1;
        T::from_cell(self.row, at)
    }

    /// The next cell, a text of JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&mut self, what: &str) -> Result<T, StoreError> {
        let text: String = self.take()?;
        serde_json::from_str(&text).map_err(|error| crate::error::corrupt(what, error))
    }

    /// The next cell, a word that `T` knows.
    pub(crate) fn word<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, StoreError>
    where
        T::Err: std::fmt::Display,
    {
        let text: String = self.take()?;
        text.parse().map_err(|error| crate::error::corrupt(what, error))
    }
}

/// A value that is made from one cell.
pub(crate) trait FromCell: Sized {
    /// Reads column `at`.
    fn from_cell(row: &Row, at: usize) -> Result<Self, StoreError>;
}

macro_rules! cells {
    ($($type:ty),+) => {
        $(impl FromCell for $type {
            fn from_cell(row: &Row, at: usize) -> Result<Self, StoreError> {
                Ok(match row {
                    Row::Sqlite(row) => sqlx::Row::try_get(row, at)?,
                    Row::Postgres(row) => sqlx::Row::try_get(row, at)?,
                })
            }
        })+
    };
}

cells!(i64, Option<i64>, String, Option<String>, Vec<u8>, Option<Vec<u8>>);

macro_rules! derived_cells {
    ($($type:ty, $from:ty => |$value:ident| $make:expr;)+) => {
        $(impl FromCell for $type {
            fn from_cell(row: &Row, at: usize) -> Result<Self, StoreError> {
                let $value: $from = match row {
                    Row::Sqlite(row) => sqlx::Row::try_get(row, at)?,
                    Row::Postgres(row) => sqlx::Row::try_get(row, at)?,
                };
                $make
            }
        })+
    };
}

fn uid(text: &str) -> Result<Uid, StoreError> {
    text.parse().map_err(|error| crate::error::corrupt("uid", error))
}

derived_cells! {
    bool, i64 => |v| Ok(v != 0);
    Micros, i64 => |v| Ok(Micros(v));
    Option<Micros>, Option<i64> => |v| Ok(v.map(Micros));
    Arc<str>, &str => |v| Ok(v.into());
    Option<Arc<str>>, Option<&str> => |v| Ok(v.map(Into::into));
    Uid, &str => |v| uid(v);
    Option<Uid>, Option<&str> => |v| v.map(uid).transpose();
    Ref, &str => |v| v.parse().map_err(|error| crate::error::corrupt("name", error));
}

macro_rules! tuples {
    ($(($($part:ident),+))+) => {
        $(impl<$($part: FromCell),+> FromRow for ($($part,)+) {
            fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
                Ok(($(cells.take::<$part>()?,)+))
            }
        })+
    };
}

tuples! { (A) (A, B) (A, B, C) (A, B, C, D) }
