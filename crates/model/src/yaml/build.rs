//! From parser events to JSON.

use super::{Chunk, Limits, scalar};
use crate::Problem;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Reads one chunk; `None` when it has no document.
pub fn build(chunk: &Chunk<'_>, limits: &Limits) -> Result<Option<Value>, Box<Problem>> {
    let events = Parser::new_from_str(chunk.text);
    let mut builder = Builder {
        events,
        first_line: chunk.line,
        limits,
        at: Span::default(),
        anchors: HashMap::new(),
        aliases: 0,
        expanded: 0,
    };
    builder.document()
}

/// The state of reading one document.
struct Builder<'c, 'l> {
    /// The events to come.
    events: Parser<'c, StrInput<'c>>,
    /// The line of the file on which the chunk begins.
    first_line: u32,
    /// What it may cost.
    limits: &'l Limits,
    /// Where the newest event is.
    at: Span,
    /// Finished values with an anchor, and about how many bytes they are.
    anchors: HashMap<usize, (Value, usize)>,
    /// Aliases so far.
    aliases: usize,
    /// Bytes that they expanded to.
    expanded: usize,
}

/// About how many bytes of JSON a value is.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| weight(item) + 1).sum::<usize>() + 2,
        Value::Object(map) => map.iter().map(|(key, item)| key.len() + weight(item) + 4).sum::<usize>() + 2,
        _ => 5,
    }
}

impl<'c> Builder<'c, '_> {
    /// The next event.
    fn next(&mut self) -> Result<Event<'c>, Box<Problem>> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                self.at = span;
                Ok(event)
            }
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok(Event::StreamEnd),
        }
    }

    /// A problem at a place of the chunk.
    fn problem(&self, span: Span, rule: &str, message: String, mend: &str) -> Box<Problem> {
        let (line, column) = super::locate::place_of(span.start, self.first_line);
        Box::new(Problem { line: Some(line), column: Some(column), ..Problem::new(rule, "", message, mend) })
    }

    /// What the parser did not understand.
    fn syntax(&self, error: &ScanError) -> Box<Problem> {
        let message = format!("cannot be read as YAML: {}", error.info());
        let mend = "Mend the text at this place; look at its indentation, quotes and brackets.";
        self.problem(Span::empty(*error.marker()), "yaml.syntax", message, mend)
    }

    /// The document.
    fn document(&mut self) -> Result<Option<Value>, Box<Problem>> {
        loop {
            match self.next()? {
                Event::StreamEnd => return Ok(None),
                Event::DocumentStart(_) => break,
                _ => {}
            }
        }
        let first = self.next()?;
        let value = self.value(first, 0)?;
        // What stands after the document must be readable too.
        while !matches!(self.next()?, Event::StreamEnd) {}
        Ok(Some(value))
    }

    /// The value that an event begins.
    fn value(&mut self, event: Event<'c>, depth: usize) -> Result<Value, Box<Problem>> {
        let span = self.at;
        let (value, anchor) = match event {
            Event::Alias(id) => return self.alias(id),
            Event::Scalar(text, style, anchor, tag) => (scalar_value(&text, style, tag.as_deref()), anchor),
            Event::SequenceStart(anchor, _) => (self.list(depth + 1, span)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth + 1, span)?, anchor),
            _ => (Value::Null, 0),
        };
        if anchor > 0 {
            let size = weight(&value);
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok(value)
    }

    /// A copy of what has an anchor, as far as the budget goes.
    fn alias(&mut self, id: usize) -> Result<Value, Box<Problem>> {
        self.aliases += 1;
        let Some((value, size)) = self.anchors.get(&id) else {
            let message = "an alias stands for the very thing that it is a part of".into();
            return Err(self.problem(self.at, "yaml.alias", message, "Write the value out."));
        };
        self.expanded = self.expanded.saturating_add(*size);
        if self.aliases > self.limits.aliases || self.expanded > self.limits.expanded {
            let message = format!(
                "too many aliases: at most {} and {} bytes of what they stand for",
                self.limits.aliases, self.limits.expanded
            );
            return Err(self.problem(self.at, "yaml.aliases", message, "Write the values out, or use fewer aliases."));
        }
        Ok(value.clone())
    }

    /// Refuses what is nested too deeply.
    fn deeper(&self, depth: usize, span: Span) -> Result<(), Box<Problem>> {
        if depth <= self.limits.depth {
            return Ok(());
        }
        let message = format!("lists and maps are nested more than {} deep", self.limits.depth);
        Err(self.problem(span, "yaml.depth", message, "Make the document flatter."))
    }

    /// A list, after its start.
    fn list(&mut self, depth: usize, span: Span) -> Result<Value, Box<Problem>> {
        self.deeper(depth, span)?;
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd | Event::StreamEnd => return Ok(Value::Array(items)),
                event => items.push(self.value(event, depth)?),
            }
        }
    }

    /// A map, after its start.
    fn map(&mut self, depth: usize, span: Span) -> Result<Value, Box<Problem>> {
        self.deeper(depth, span)?;
        let mut map = Map::new();
        let mut merged = Map::new();
        loop {
            let event = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                break;
            }
            let place = self.at;
            let merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.key(event, depth, place)?;
            let event = self.next()?;
            let value = self.value(event, depth)?;
            if merge && merge_into(&mut merged, &value) {
                continue;
            }
            if map.insert(key, value).is_some() {
                let mend = "Keep one of the two.";
                return Err(self.problem(place, "yaml.duplicate-key", "a key stands here twice".into(), mend));
            }
        }
        // What is written here counts more than what is merged.
        for (key, value) in merged {
            map.entry(key).or_insert(value);
        }
        Ok(Value::Object(map))
    }

    /// A key.
    fn key(&mut self, event: Event<'c>, depth: usize, place: Span) -> Result<String, Box<Problem>> {
        if let Event::Scalar(text, style, 0, None) = event {
            return Ok(match style {
                ScalarStyle::Plain => scalar::key(scalar::plain(&text)).unwrap_or_default(),
                _ => text.into_owned(),
            });
        }
        let value = self.value(event, depth)?;
        scalar::key(value).ok_or_else(|| {
            let message = "a list or a map cannot be a key".into();
            self.problem(place, "yaml.key", message, "Write a text as the key, or put {{ … }} into quotes.")
        })
    }
}

/// Merges what `<<` stands for: a map, or a list of maps of which earlier ones count more. False for anything else.
fn merge_into(merged: &mut Map<String, Value>, value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                merged.entry(key.clone()).or_insert_with(|| value.clone());
            }
            true
        }
        Value::Array(maps) if maps.iter().all(Value::is_object) => {
            maps.iter().for_each(|map| {
                merge_into(merged, map);
            });
            true
        }
        _ => false,
    }
}

/// The value of a scalar. Unknown tags do not change it; a quoted text is a text.
fn scalar_value(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "int" | "float" | "bool" | "null") => {
            scalar::plain(text)
        }
        Some(_) => Value::String(text.to_owned()),
        None if style == ScalarStyle::Plain => scalar::plain(text),
        None => Value::String(text.to_owned()),
    }
}
