//! Calendars of what goes away (iCalendar, RFC 5545): of a team, or of a whole product.

use crate::error::Reply;
use crate::pages;
use crate::state::WebState;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use loggia_app::ending::feed::{Entry, When};
use loggia_app::{App, Error};
use loggia_model::{Day, Micros, Ref};

/// The address of the calendar of a team or a product; none for what is not there.
pub fn href(app: &App, of: &Ref) -> Option<String> {
    let key = app.calendar_key(of)?;
    Some(format!("{}/calendar/{}/{}/{}/{key}.ics", app.settings.public_url, of.kind(), of.namespace(), of.name()))
}

type At = Path<(String, String, String, String)>;

/// One calendar.
pub async fn show(State(state): State<WebState>, Path((kind, namespace, name, file)): At) -> Response {
    let key = file.strip_suffix(".ics").unwrap_or_default();
    match state.app.calendar(&Ref::new(&kind, &namespace, &name), key) {
        Ok(entries) => {
            let text = calendar(&entries, &name, &state.app.settings.public_url);
            let kind = HeaderValue::from_static("text/calendar; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        // Not telling apart a wrong key and a wrong name.
        Err(error) => Reply(Error::NotFound(error.to_string())).into_response(),
    }
}

fn calendar(entries: &[Entry], name: &str, base: &str) -> String {
    let mut out = String::new();
    for text in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Loggia//What goes away//EN", "CALSCALE:GREGORIAN"] {
        line(&mut out, text);
    }
    line(&mut out, &format!("X-WR-CALNAME:{}", escaped(&format!("What goes away: {name}"))));
    for entry in entries {
        event(&mut out, entry, base);
    }
    line(&mut out, "END:VCALENDAR");
    out
}

fn event(out: &mut String, entry: &Entry, base: &str) {
    let time = |time: Micros| time.datetime().format("%Y%m%dT%H%M%SZ").to_string();
    let host = base.split("://").nth(1).unwrap_or("loggia").split([':', '/']).next().unwrap_or("loggia");
    line(out, "BEGIN:VEVENT");
    line(out, &format!("UID:{}@{host}", entry.uid));
    line(out, &format!("SEQUENCE:{}", entry.sequence));
    line(out, &format!("DTSTAMP:{}", time(entry.changed)));
    match entry.when {
        When::Day(day) => {
            line(out, &format!("DTSTART;VALUE=DATE:{}", day.basic()));
            line(out, &format!("DTEND;VALUE=DATE:{}", Day(day.0 + 1).basic()));
        }
        When::Hours(from, to) => {
            line(out, &format!("DTSTART:{}", time(from)));
            line(out, &format!("DTEND:{}", time(to)));
        }
    }
    line(out, &format!("SUMMARY:{}", escaped(&entry.title)));
    line(out, &format!("DESCRIPTION:{}", escaped(&entry.text)));
    line(out, &format!("URL:{base}{}", pages::ending::href(&entry.ending)));
    line(out, "CATEGORIES:What goes away");
    line(out, &format!("STATUS:{}", if entry.cancelled { "CANCELLED" } else { "CONFIRMED" }));
    line(out, "TRANSP:TRANSPARENT");
    if entry.last && !entry.cancelled {
        for text in ["BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-P7D"] {
            line(out, text);
        }
        line(out, &format!("DESCRIPTION:{}", escaped(&entry.title)));
        line(out, "END:VALARM");
    }
    line(out, "END:VEVENT");
}

/// A text as a value: commas, semicolons, backslashes and line ends are written with a backslash.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Appends a line, folded so that none is longer than 75 octets.
fn line(out: &mut String, text: &str) {
    let mut length = 0;
    for c in text.chars() {
        if length + c.len_utf8() > 75 {
            out.push_str("\r\n ");
            length = 1;
        }
        out.push(c);
        length += c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::{escaped, line};

    #[test]
    fn lines_are_folded_and_texts_escaped() {
        let mut out = String::new();
        line(&mut out, &format!("SUMMARY:{}", "ä".repeat(60)));
        let lines: Vec<&str> = out.split("\r\n").collect();
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= 75), "{lines:?}");
        assert_eq!(out.replace("\r\n ", ""), format!("SUMMARY:{}\r\n", "ä".repeat(60)));
        assert_eq!(escaped("a,b;c\\d\ne\u{7}"), "a\\,b\\;c\\\\d\\ne");
    }
}
