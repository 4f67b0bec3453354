//! Cutting a text into its documents.

/// The text of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Its number in the text, from 0. Chunks without content are not counted.
    pub index: usize,
    /// The line of the text on which it begins, from 1.
    pub line: u32,
    /// The document, with its `---` line.
    pub text: &'a str,
}

/// Whether a line begins or ends a document: the marker alone, or followed by a blank. YAML allows a marker at the
/// beginning of a line nowhere else, not even within a text of several lines.
fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Cuts a text into its documents. What has no content (blank lines, comments) is left out.
pub fn split(text: &str) -> Vec<Chunk<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut cutter = Cutter { text, start: 0, line: 1, chunks: Vec::new() };
    let (mut at, mut line) = (0, 1);
    // What the chunk so far holds: anything at all, and a `---` of its own.
    let (mut content, mut begun) = (false, false);
    for piece in text.split_inclusive('\n') {
        if is_marker(piece, "---") {
            if begun || content {
                cutter.cut(at, line, content);
            }
            begun = true;
            content = has_content(piece.get(3..).unwrap_or_default());
        } else if is_marker(piece, "...") {
            cutter.cut(at + piece.len(), line + 1, content);
            (content, begun) = (false, false);
        } else {
            // A directive belongs to the document that follows.
            content |= has_content(piece) && (begun || !piece.starts_with('%'));
        }
        at += piece.len();
        line += 1;
    }
    cutter.cut(text.len(), line, content);
    cutter.chunks
}

/// Whether a line is more than blanks and a comment.
fn has_content(line: &str) -> bool {
    line.trim_start().bytes().next().is_some_and(|first| first != b'#')
}

/// What has been cut off so far.
struct Cutter<'a> {
    /// The whole text.
    text: &'a str,
    /// Where the chunk begins.
    start: usize,
    /// On which line.
    line: u32,
    /// The chunks before it.
    chunks: Vec<Chunk<'a>>,
}

impl Cutter<'_> {
    /// Ends the chunk, and begins the next one at a place.
    fn cut(&mut self, at: usize, line: u32, content: bool) {
        if content {
            let index = self.chunks.len();
            self.chunks.push(Chunk { index, line: self.line, text: &self.text[self.start..at] });
        }
        (self.start, self.line) = (at, line);
    }
}
