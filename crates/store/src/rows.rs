//! Many rows into one table, in few statements.

use crate::error::StoreError;
use crate::sql::{Conn, Sql, Value};
use std::fmt::Write;

/// Rows in one statement: large enough that the round trip does not count, small enough for the limits on the number
/// of placeholders (32,766 on SQLite) with the widest table.
const CHUNK: usize = 64;

/// How many rows are turned into values at once. Values are copies; those of a hundred thousand events at once would
/// take more memory than everything that is known.
pub(crate) const AT_ONCE: usize = 1024;

/// Rows waiting to be written into one table.
pub(crate) struct Rows {
    table: &'static str,
    columns: &'static [&'static str],
    values: Vec<Value>,
}

impl Rows {
    /// An empty set of rows with these columns.
    pub(crate) fn new(table: &'static str, columns: &'static [&'static str]) -> Rows {
        Rows { table, columns, values: Vec::new() }
    }

    /// Adds a row: one value for each column.
    pub(crate) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.columns.len(), "a row of {} has one value for each column", self.table);
        self.values.extend(row);
    }

    /// Adds a row whose width is known only at run time.
    pub(crate) fn push_all(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a row of {} has one value for each column", self.table);
        self.values.extend(row);
    }

    /// Writes all rows; `suffix` says what to do about rows that exist. Tells how many rows were written.
    pub(crate) async fn write(mut self, conn: &mut Conn<'_>, suffix: &str) -> Result<u64, StoreError> {
        let mut written = 0;
        for chunk in self.chunks(conn, suffix) {
            written += conn.run(chunk).await?;
        }
        Ok(written)
    }

    /// The statements that write all rows, for those that want to read what they return.
    pub(crate) fn chunks(&mut self, conn: &Conn<'_>, suffix: &str) -> Vec<Sql> {
        let width = self.columns.len();
        let mut rest = std::mem::take(&mut self.values).into_iter();
        let mut statements = Vec::with_capacity(rest.len() / (width * CHUNK) + 1);
        loop {
            let values: Vec<Value> = rest.by_ref().take(CHUNK * width).collect();
            if values.is_empty() {
                return statements;
            }
            statements.push(Sql::built(self.text(conn, values.len() / width, suffix), values));
        }
    }

    /// SQLite finds the number of a `$1` by a walk over all names, which is quadratic in a statement of a thousand
    /// placeholders; a bare `?` has no name. PostgreSQL knows only the numbered ones.
    fn text(&self, conn: &Conn<'_>, rows: usize, suffix: &str) -> String {
        let width = self.columns.len();
        let mut text = format!("insert into {} ({}) values ", self.table, self.columns.join(","));
        for at in 0..rows * width {
            text.push_str(match (at % width, at) {
                (0, 0) => "(",
                (0, _) => "),(",
                _ => ",",
            });
            match conn {
                Conn::Sqlite(_) => text.push('?'),
                Conn::Postgres(_) => {
                    // Writing to a String does not fail.
                    let _ = write!(text, "${}", at + 1);
                }
            }
        }
        text.push_str(") ");
        text.push_str(suffix);
        text
    }
}
