//! From a path in a document to line and column.

use super::{scalar, split};
use crate::Problem;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

/// Line and column of the file, both from 1, for a place in a chunk that begins on a line.
pub(super) fn place_of(marker: Marker, first_line: u32) -> (u32, u32) {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (first_line + number(marker.line().saturating_sub(1)), number(marker.col()).saturating_add(1))
}

/// Line and column, both from 1, of a dotted path in a document of a text.
///
/// A path whose end does not exist (a field that is missing) gives the place of the deepest part that does. `None`
/// when there is no such document, or when it is broken before the place.
pub fn locate(text: &str, index: usize, path: &str) -> Option<(u32, u32)> {
    let chunk = split(text).into_iter().nth(index)?;
    let mut finder = Finder { events: Parser::new_from_str(chunk.text), best: None };
    finder.document(path);
    finder.best.map(|marker| place_of(marker, chunk.line))
}

/// Fills line and column of problems of one document, where they are not known yet.
pub fn place(text: &str, index: usize, problems: &mut [Problem]) {
    for problem in problems.iter_mut().filter(|problem| problem.line.is_none()) {
        let unquoted = wants_text(problem).then(|| unquoted(text, index, &problem.path)).flatten();
        if let Some((written, (line, column))) = unquoted {
            let field = problem.path.rsplit('.').next().filter(|field| field.parse::<usize>().is_err());
            let field = field.map(|field| format!("{field}: ")).unwrap_or_default();
            problem.mend = format!("Put it in quotes: {field}\"{written}\"");
            (problem.line, problem.column) = (Some(line), Some(column));
        } else if let Some((line, column)) = locate(text, index, &problem.path) {
            (problem.line, problem.column) = (Some(line), Some(column));
        }
    }
}

/// Whether a problem says that something is no text.
fn wants_text(problem: &Problem) -> bool {
    let said = &problem.message;
    problem.rule == "schema.type" && (said == "must be string" || said.ends_with("is not of type \"string\""))
}

/// What is written at a path without quotes, and means something else than a text then: a number, `yes` or no, a date. With
/// its own place. `None` for a list, a map, nothing at all, and a text.
fn unquoted(text: &str, index: usize, path: &str) -> Option<(String, (u32, u32))> {
    let chunk = split(text).into_iter().nth(index)?;
    let mut finder = Finder { events: Parser::new_from_str(chunk.text), best: None };
    let (Event::Scalar(written, ScalarStyle::Plain, ..), marker) = finder.document(path)? else { return None };
    let other = !written.is_empty() && !scalar::plain(&written).is_string();
    other.then(|| (written.into_owned(), place_of(marker, chunk.line)))
}

/// The state of a search.
struct Finder<'c> {
    /// The events to come.
    events: Parser<'c, StrInput<'c>>,
    /// The deepest place found.
    best: Option<Marker>,
}

impl<'c> Finder<'c> {
    /// The next event with its place; `None` at the end or at an error.
    fn next(&mut self) -> Option<(Event<'c>, Marker)> {
        let (event, span) = self.events.next_event()?.ok()?;
        Some((event, span.start))
    }

    /// Looks through the document; gives what begins at the path, when that is there.
    fn document(&mut self, path: &str) -> Option<(Event<'c>, Marker)> {
        loop {
            match self.next()?.0 {
                Event::DocumentStart(_) => break,
                Event::StreamEnd => return None,
                _ => {}
            }
        }
        let (mut event, mut start) = self.next()?;
        self.best = Some(start);
        let mut rest = path;
        // Each turn goes one step down; other branches are skipped.
        while !rest.is_empty() {
            rest = match event {
                Event::MappingStart(..) => self.field(rest)?,
                Event::SequenceStart(..) => self.item(rest)?,
                _ => return None,
            };
            (event, start) = self.next()?;
        }
        Some((event, start))
    }

    /// Goes to the field of a map whose key begins the path; keys may hold dots. Gives the rest of the path.
    fn field<'p>(&mut self, path: &'p str) -> Option<&'p str> {
        loop {
            let (event, place) = self.next()?;
            let rest = match &event {
                Event::MappingEnd | Event::StreamEnd => return None,
                Event::Scalar(key, ..) => match path.strip_prefix(key.as_ref()) {
                    Some("") => Some(""),
                    Some(rest) => rest.strip_prefix('.'),
                    None => None,
                },
                _ => None,
            };
            if let Some(rest) = rest {
                self.best = Some(place);
                return Some(rest);
            }
            self.skip(event)?;
            let (event, _) = self.next()?;
            self.skip(event)?;
        }
    }

    /// Goes to the item of a list that begins the path; its event is left to come. Gives the rest of the path.
    fn item<'p>(&mut self, path: &'p str) -> Option<&'p str> {
        let (number, rest) = path.split_once('.').unwrap_or((path, ""));
        for _ in 0..number.parse::<usize>().ok()? {
            let (event, _) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return None;
            }
            self.skip(event)?;
        }
        let place = match self.events.peek()? {
            Ok((Event::SequenceEnd, _)) | Err(_) => return None,
            Ok((_, span)) => span.start,
        };
        self.best = Some(place);
        Some(rest)
    }

    /// Skips the value that an event begins.
    fn skip(&mut self, event: Event<'c>) -> Option<()> {
        let mut open = 0_usize;
        let mut event = event;
        loop {
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => open += 1,
                Event::MappingEnd | Event::SequenceEnd => open = open.saturating_sub(1),
                Event::StreamEnd => return None,
                _ => {}
            }
            if open == 0 {
                return Some(());
            }
            event = self.next()?.0;
        }
    }
}
