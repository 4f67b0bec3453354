//! What commands print: tables for people, JSON, YAML, CSV or names for programs.

use crate::exit::{USAGE, failure};
use anyhow::Result;
use clap::ValueEnum;
use loggia_model::Micros;
use loggia_model::yaml;
use serde_json::Value;
use std::io::Write;

/// Form of what a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns for people.
    #[default]
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Names only, one a line.
    Name,
    /// Values with commas between them, for spreadsheets.
    Csv,
}

/// Rows under headings.
pub struct Table {
    /// The headings.
    pub headings: Vec<&'static str>,
    /// The rows; the first cell is the name.
    pub rows: Vec<Vec<String>>,
}

/// Prints a text; a reader that went away is fine.
///
/// # Errors
/// When it cannot be written for another reason.
pub fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

impl Output {
    /// Prints an answer in this form.
    ///
    /// # Errors
    /// When the form does not fit the answer.
    pub fn print(self, answer: &Value, names: &[String], table: &Table) -> Result<()> {
        match self {
            Output::Table => print(&table.text()),
            Output::Csv => print(&table.csv()),
            Output::Name => print(&names.iter().map(|name| format!("{name}\n")).collect::<String>()),
            Output::Json | Output::Yaml => self.print_value(answer),
        }
    }

    /// Prints what one act did: a line for people, the names, or the answer.
    ///
    /// # Errors
    /// With columns, which one act does not have.
    pub fn tell(self, answer: &Value, names: &[String], line: &str) -> Result<()> {
        match self {
            Output::Table => print(line),
            Output::Name => print(&names.iter().map(|name| format!("{name}\n")).collect::<String>()),
            Output::Json | Output::Yaml => self.print_value(answer),
            Output::Csv => Err(failure(USAGE, "this command prints no columns. Give -o json, -o yaml or -o name.")),
        }
    }

    /// Prints a value as JSON or YAML.
    ///
    /// # Errors
    /// With another form.
    pub fn print_value(self, value: &Value) -> Result<()> {
        match self {
            Output::Json => print(&format!("{value:#}\n")),
            Output::Yaml => print(&yaml::write(value)),
            _ => Err(failure(USAGE, "this command prints json or yaml only. Give -o json or -o yaml.")),
        }
    }
}

impl Table {
    /// Headings without rows yet.
    pub fn new(headings: &[&'static str]) -> Table {
        Table { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Columns, as wide as their widest cell. Columns that are empty throughout are left out.
    pub fn text(&self) -> String {
        let filled: Vec<usize> = (0..self.headings.len())
            .filter(|&at| self.rows.is_empty() || self.rows.iter().any(|row| !cell(row, at).is_empty()))
            .collect();
        let width = |at: usize| {
            let cells = self.rows.iter().map(|row| cell(row, at).chars().count());
            cells.max().unwrap_or(0).max(self.headings[at].len())
        };
        let widths: Vec<usize> = filled.iter().map(|&at| width(at)).collect();
        let line = |text: &dyn Fn(usize) -> String| {
            let cells = filled.iter().zip(&widths).map(|(&at, width)| format!("{:<width$}", text(at), width = *width));
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        };
        let head = line(&|at| self.headings[at].to_owned());
        self.rows.iter().fold(head, |out, row| out + &line(&|at| cell(row, at).to_owned()))
    }

    /// Comma-separated values (RFC 4180).
    pub fn csv(&self) -> String {
        let escape = |text: &str| {
            // A cell that begins like a formula would be calculated by a spreadsheet.
            let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
            if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
        };
        let line = |cells: Vec<&str>| format!("{}\r\n", cells.into_iter().map(escape).collect::<Vec<_>>().join(","));
        let head = line(self.headings.clone());
        self.rows.iter().fold(head, |out, row| out + &line((0..self.headings.len()).map(|at| cell(row, at)).collect()))
    }
}

fn cell(row: &[String], at: usize) -> &str {
    row.get(at).map_or("", String::as_str)
}

/// The text at a pointer; empty when there is none.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

/// The texts of a list at a pointer; none when there is no list.
pub fn strings(value: &Value, pointer: &str) -> Vec<String> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The day of a time, as people write it in tables.
pub fn day(value: &Value, pointer: &str) -> String {
    let time = value.pointer(pointer).and_then(Value::as_str).and_then(Micros::parse);
    time.map(|time| time.datetime().format("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// A time to the minute, in UTC.
pub fn minute(value: &Value, pointer: &str) -> String {
    let time = value.pointer(pointer).and_then(Value::as_str).and_then(Micros::parse);
    time.map(|time| time.datetime().format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}

/// The items of an answer.
pub fn items(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("items").and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_their_cells_and_empty_ones_go() {
        let mut table = Table::new(&["NAME", "NONE", "WHAT"]);
        table.rows.push(vec!["a".into(), String::new(), "first, second".into()]);
        table.rows.push(vec!["longer".into(), String::new(), "=1+1".into()]);
        assert_eq!(table.text(), "NAME    WHAT\na       first, second\nlonger  =1+1\n");
        assert_eq!(table.csv(), "NAME,NONE,WHAT\r\na,,\"first, second\"\r\nlonger,,'=1+1\r\n");
        assert_eq!(Table::new(&["NAME"]).text(), "NAME\n");
    }
}
