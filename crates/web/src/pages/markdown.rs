//! Markdown as safe HTML: headings with anchors, pictures from the same folder, nothing that runs.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use std::collections::HashSet;

/// A rendered text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The HTML; safe to be shown as it is.
    pub html: String,
    /// Its headings: level, anchor, text.
    pub headings: Vec<(u8, String, String)>,
}

/// Renders a text. `resolve` turns an address within the text into one that works here; addresses for which it answers
/// nothing stay as they are.
pub fn render(text: &str, resolve: impl Fn(&str) -> Option<String>) -> Rendered {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut events: Vec<Event<'_>> = Parser::new_ext(text, options).collect();
    let headings = anchors(&mut events);
    for event in &mut events {
        if let Event::Start(Tag::Image { dest_url, .. } | Tag::Link { dest_url, .. }) = event
            && let Some(address) = resolve(dest_url)
        {
            *dest_url = CowStr::from(address);
        }
    }
    let mut out = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut out, events.into_iter());
    Rendered { html: clean(&out), headings }
}

/// Gives every heading an anchor, and moves them one level down: the page has its own first one.
fn anchors(events: &mut [Event<'_>]) -> Vec<(u8, String, String)> {
    let mut headings = Vec::new();
    let mut used = HashSet::new();
    let mut at = 0;
    while at < events.len() {
        if let Event::Start(Tag::Heading { .. }) = &events[at] {
            let words = text_of(&events[at..]);
            let anchor = anchor(&words, &mut used);
            if let Some(Event::Start(Tag::Heading { level, id, .. })) = events.get_mut(at) {
                *id = Some(CowStr::from(anchor.clone()));
                headings.push((*level as u8, anchor, words));
            }
        }
        at += 1;
    }
    headings
}

/// The words of the heading that begins here.
fn text_of(events: &[Event<'_>]) -> String {
    let inside = events.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let texts = inside.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
        _ => None,
    });
    texts.collect()
}

/// A name for a place in the page: small letters, digits and hyphens, each once.
fn anchor(text: &str, used: &mut HashSet<String>) -> String {
    let small: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let base = small.split_whitespace().collect::<Vec<_>>().join("-").to_lowercase();
    let base = if base.is_empty() { "part".to_owned() } else { base };
    let mut anchor = base.clone();
    let mut number = 2;
    while !used.insert(anchor.clone()) {
        anchor = format!("{base}-{number}");
        number += 1;
    }
    // The page has names of its own, such as `main`.
    format!("d-{anchor}")
}

/// Takes out everything that is not text, lists, tables, code, links and pictures of this server.
fn clean(html: &str) -> String {
    ammonia::Builder::default()
        .add_tag_attributes("h1", &["id"])
        .add_tag_attributes("h2", &["id"])
        .add_tag_attributes("h3", &["id"])
        .add_tag_attributes("h4", &["id"])
        .rm_tags(["map", "area", "bdo"])
        .url_relative(ammonia::UrlRelative::PassThrough)
        .link_rel(Some("noopener"))
        .clean(html)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs() {
        let text = "# A\n<script>alert(1)</script> <img src=x onerror=alert(1)> <p style=\"x\">y</p>\n\n[x](javascript:alert(1))";
        let html = render(text, |_| None).html;
        for bad in ["<script", "onerror", "javascript:", "style="] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
    }

    #[test]
    fn headings_have_anchors_and_addresses_are_resolved() {
        let text = "# Getting started\n\n## Getting started\n\n![A picture](img/a.png) [next](limits.md#x)";
        let resolve = |address: &str| address.starts_with("img/").then(|| format!("/files/{address}"));
        let done = render(text, resolve);
        let anchors: Vec<&str> = done.headings.iter().map(|(_, anchor, _)| anchor.as_str()).collect();
        assert_eq!(anchors, ["d-getting-started", "d-getting-started-2"]);
        assert!(done.html.contains("src=\"/files/img/a.png\"") && done.html.contains("id=\"d-getting-started\""));
        assert!(done.html.contains("limits.md#x"));
    }
}
