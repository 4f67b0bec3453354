//! Relations as a picture: a small layered drawing. What an entity needs stands to its right, what needs it to its left,
//! and what it belongs to as well; each column is in order of kinds and names.

use loggia_graph::Picture;
use loggia_model::{Ref, RelationType};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

const WIDTH: usize = 190;
const HEIGHT: usize = 44;
const GAP_X: usize = 90;
const GAP_Y: usize = 14;
/// The free strip at the left of a narrow drawing, in which its lines run.
const STRIP: usize = 30;
/// Space between two layers of a narrow drawing.
const LAYER: usize = 34;
/// How many letters of a title fit into a node.
const LETTERS: usize = 24;

/// A node, as it is drawn.
pub struct Node {
    /// Its title.
    pub title: String,
    /// Its kind in words.
    pub kind: String,
    /// Its page.
    pub href: String,
}

/// The side on which the other end of a relation stands, seen from this end: 1 is right.
fn side(relation: RelationType) -> i32 {
    const RIGHT: [RelationType; 9] = [
        RelationType::DEPENDS_ON,
        RelationType::CONSUMES_API,
        RelationType::PROVIDES_API,
        RelationType::HAS_PART,
        RelationType::HAS_RELEASE,
        RelationType::HAS_INSTANCE,
        RelationType::PARENT_OF,
        RelationType::HAS_MEMBER,
        RelationType::OWNER_OF,
    ];
    const MORE: [RelationType; 3] = [RelationType::RUNS_RELEASE, RelationType::RUNS_IN, RelationType::PROMOTES_TO];
    if RIGHT.contains(&relation) || MORE.contains(&relation) { 1 } else { -1 }
}

/// How a picture is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Layers from left to right.
    Wide,
    /// Layers from top to bottom, in one column that fits the narrowest screen.
    Narrow,
}

/// Draws a picture as SVG, once wide and once for a narrow screen, of which the style shows one; `None` when there is
/// nothing to draw. `describe` gives the words of each node.
pub fn draw(picture: &Picture, here: &Ref, title: &str, describe: impl Fn(&Ref) -> Node) -> Option<String> {
    if picture.nodes.len() < 2 {
        return None;
    }
    let mut svg = String::new();
    for form in [Form::Wide, Form::Narrow] {
        drawing(&mut svg, form, picture, here, title, &describe);
    }
    Some(svg)
}

fn drawing(svg: &mut String, form: Form, picture: &Picture, here: &Ref, title: &str, describe: &impl Fn(&Ref) -> Node) {
    let (places, class) = match form {
        Form::Wide => (places(picture, here), "wide"),
        Form::Narrow => (stacked(picture, here), "narrow"),
    };
    let (width, height) = size(&places);
    let text = escape(title);
    let _ = write!(
        svg,
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"group\" \
         aria-labelledby=\"{class}-title {class}-desc\"><title id=\"{class}-title\">{text}</title>\
         <desc id=\"{class}-desc\">{}</desc>",
        escape(&sentence(picture, describe))
    );
    for (from, to, quiet) in lines(picture) {
        if let (Some(from), Some(to)) = (places.get(from), places.get(to)) {
            match form {
                Form::Wide => edge(svg, *from, *to, quiet),
                Form::Narrow => bracket(svg, *from, *to, quiet),
            }
        }
    }
    for (record, _) in &picture.nodes {
        if let Some(at) = places.get(&record.reference) {
            node(svg, *at, &describe(&record.reference), record.reference == *here);
        }
    }
    svg.push_str("</svg>");
}

/// The lines to draw, each from left to right, and whether it is a quiet one: ownership. Both ends may tell of the same
/// relation, or only the end that was looked at; it is drawn once.
fn lines(picture: &Picture) -> BTreeSet<(&Ref, &Ref, bool)> {
    let directed = picture.edges.iter().map(|(from, relation, to)| {
        let quiet = matches!(*relation, RelationType::OWNER_OF | RelationType::OWNED_BY);
        if side(*relation) == 1 { (from, to, quiet) } else { (to, from, quiet) }
    });
    directed.collect()
}

type Place = (usize, usize);

/// The nodes of each layer, in order of kinds and names.
fn layers(picture: &Picture, here: &Ref) -> Vec<Vec<Ref>> {
    let mut by_column: BTreeMap<i32, Vec<Ref>> = BTreeMap::new();
    for (reference, column) in columns(picture, here) {
        by_column.entry(column).or_default().push(reference);
    }
    by_column.values_mut().for_each(|nodes| nodes.sort());
    by_column.into_values().collect()
}

/// Left upper corner of each node, the layers one below the other.
fn stacked(picture: &Picture, here: &Ref) -> HashMap<Ref, Place> {
    let mut places = HashMap::new();
    let mut y = 4;
    for layer in layers(picture, here) {
        for reference in layer {
            places.insert(reference, (STRIP, y));
            y += HEIGHT + GAP_Y / 2;
        }
        y += LAYER - GAP_Y / 2;
    }
    places
}

/// Left upper corner of each node, the layers beside each other.
fn places(picture: &Picture, here: &Ref) -> HashMap<Ref, Place> {
    let by_column = layers(picture, here);
    let tallest = by_column.iter().map(Vec::len).max().unwrap_or(1);
    let mut places = HashMap::new();
    for (column, nodes) in by_column.into_iter().enumerate() {
        // In the middle, but never far from the top: a tall picture would begin with nothing on a narrow screen.
        let top = ((tallest - nodes.len()) * (HEIGHT + GAP_Y) / 2).min(2 * (HEIGHT + GAP_Y));
        for (row, reference) in nodes.into_iter().enumerate() {
            places.insert(reference, (4 + column * (WIDTH + GAP_X), 4 + top + row * (HEIGHT + GAP_Y)));
        }
    }
    places
}

/// The column of each node: that of the node through which it was met, one to the side of the relation.
fn columns(picture: &Picture, here: &Ref) -> HashMap<Ref, i32> {
    let mut columns: HashMap<Ref, i32> = HashMap::from([(here.clone(), 0)]);
    for (record, hop) in picture.nodes.iter().skip(1) {
        let met = picture.edges.iter().find_map(|(from, relation, to)| {
            let near = picture.nodes.iter().any(|(n, h)| n.reference == *from && h + 1 == *hop);
            let column = columns.get(from)?;
            (*to == record.reference && near).then(|| column + side(*relation))
        });
        columns.insert(record.reference.clone(), met.unwrap_or(0));
    }
    columns
}

fn size(places: &HashMap<Ref, Place>) -> (usize, usize) {
    let right = places.values().map(|(x, _)| x + WIDTH).max().unwrap_or(0);
    let bottom = places.values().map(|(_, y)| y + HEIGHT).max().unwrap_or(0);
    (right + 4, bottom + 4)
}

fn edge(svg: &mut String, from: Place, to: Place, quiet: bool) {
    let ((x1, y1), (x2, y2)) = ((from.0 + WIDTH, from.1 + HEIGHT / 2), (to.0, to.1 + HEIGHT / 2));
    let class = if quiet { "edge edge-in" } else { "edge" };
    if x2 > x1 {
        let middle = x1.midpoint(x2);
        let _ = write!(svg, "<path class=\"{class}\" d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}\"/>");
    } else {
        // Within one column the line goes round on the right.
        let (x2, bend) = (to.0 + WIDTH, x1.max(to.0 + WIDTH) + GAP_X / 3);
        let _ = write!(svg, "<path class=\"{class}\" d=\"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}\"/>");
    }
}

/// A line of a narrow drawing: it goes round in the strip at the left, the farther out the longer it is.
fn bracket(svg: &mut String, from: Place, to: Place, quiet: bool) {
    let (x, y1, y2) = (from.0, from.1 + HEIGHT / 2, to.1 + HEIGHT / 2);
    let class = if quiet { "edge edge-in" } else { "edge" };
    let bend = x.saturating_sub(8 + y1.abs_diff(y2) / 12).min(x - 8).max(2);
    let _ = write!(svg, "<path class=\"{class}\" d=\"M{x} {y1}C{bend} {y1} {bend} {y2} {x} {y2}\"/>");
}

fn node(svg: &mut String, (x, y): Place, node: &Node, here: bool) {
    let class = if here { "node node-here" } else { "node" };
    let title = shortened(&node.title);
    let (text_x, title_y, kind_y) = (x + 12, y + 19, y + 35);
    let body = format!(
        "<g class=\"{class}\"><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\
         <text x=\"{text_x}\" y=\"{title_y}\">{}</text><text class=\"node-kind\" x=\"{text_x}\" y=\"{kind_y}\">{}</text></g>",
        escape(&title),
        escape(&node.kind)
    );
    if here {
        svg.push_str(&body);
    } else {
        let _ = write!(svg, "<a href=\"{}\">{body}</a>", escape(&node.href));
    }
}

fn shortened(title: &str) -> String {
    if title.chars().count() <= LETTERS {
        return title.to_owned();
    }
    let start: String = title.chars().take(LETTERS - 1).collect();
    format!("{}…", start.trim_end())
}

/// The picture in a sentence, for who cannot see it; the table below has it whole.
fn sentence(picture: &Picture, describe: &impl Fn(&Ref) -> Node) -> String {
    let names: Vec<String> = picture.nodes.iter().skip(1).take(12).map(|(r, _)| describe(&r.reference).title).collect();
    format!("Connected with {}. The list below says how.", names.join(", "))
}

/// A text that stands between tags or in an attribute.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use loggia_graph::{Audience, Graph};
    use loggia_model::{Document, Micros, Record, Source, Uid};
    use serde_json::json;

    fn record(kind: &str, name: &str, spec: serde_json::Value, number: u128) -> Record {
        let mut document = Document(json!({"apiVersion": "backstage.io/v1alpha1", "kind": kind,
            "metadata": {"name": name}}));
        document.0["spec"] = spec;
        Record {
            uid: Uid(uuid::Uuid::from_u128(number)),
            reference: document.reference(),
            document: document.canonical().into(),
            status: None,
            etag: "".into(),
            source: Source::server(),
            revision: 1,
            position: 1,
            created_at: Micros(0),
            updated_at: Micros(0),
        }
    }

    #[test]
    fn what_is_needed_stands_right_and_who_needs_it_left() {
        let spec = |depends: &[&str]| json!({"type": "service", "lifecycle": "production", "owner": "a", "dependsOn": depends});
        let records = vec![
            record("Component", "shop", spec(&["component:stock"]), 1),
            record("Component", "stock", spec(&["component:<store>"]), 2),
            record("Component", "<store>", spec(&[]), 3),
        ];
        let graph = Graph::load(records, Vec::new());
        let here = Ref::new("component", "default", "stock");
        let types: Vec<RelationType> = RelationType::all().collect();
        let picture = graph.walk(&Audience::All, &here, &types, 1, 20);
        let at = places(&picture, &here);
        let x = |name: &str| at[&Ref::new("component", "default", name)].0;
        assert!(x("shop") < x("stock") && x("stock") < x("<store>"));
        let words = |r: &Ref| Node { title: r.name().to_owned(), kind: "component".into(), href: "/x".into() };
        let svg = draw(&picture, &here, "A & B", words).expect("a picture");
        assert!(svg.contains("A &amp; B") && svg.contains("&lt;store&gt;") && !svg.contains("<store>"));
        let (wide, narrow) = svg.split_once("<svg class=\"narrow\"").expect("both drawings");
        assert_eq!((wide.matches("<path").count(), narrow.matches("<path").count()), (2, 2));
        // The smallest screen is 320 wide, and the page and the frame take their part of it.
        let below = stacked(&picture, &here);
        assert!(size(&below).0 <= 250, "{:?}", size(&below));
        let y = |name: &str| below[&Ref::new("component", "default", name)].1;
        assert!(y("shop") < y("stock") && y("stock") < y("<store>"));
        assert!(below.values().collect::<BTreeSet<_>>().len() == 3, "none lies upon another: {below:?}");
    }
}
