//! Rust text without what is not code: comments, the inside of literals, and items that only tests have.

/// The text with comments and the inside of string and character literals blanked. Lines stay where they are.
pub fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let before = if out.ends_with(is_word) { 'a' } else { ' ' };
        let (kept, skipped) = literal_or_comment(rest, before).unwrap_or((true, first.len_utf8()));
        if kept {
            out.push_str(&rest[..skipped]);
        } else {
            out.push('"');
            out.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            out.push('"');
        }
        rest = &rest[skipped..];
    }
    out
}

/// Length of the literal or comment that the text starts with; `true` when it stays as it is.
fn literal_or_comment(text: &str, before: char) -> Option<(bool, usize)> {
    if text.starts_with("//") {
        return Some((false, text.find('\n').unwrap_or(text.len())));
    }
    if text.starts_with("/*") {
        return Some((false, text.find("*/").map_or(text.len(), |end| end + 2)));
    }
    if text.starts_with('"') {
        return Some((false, closed_by_quote(text, '"')));
    }
    if !is_word(before) && text.starts_with('r') {
        let hashes = text[1..].chars().take_while(|c| *c == '#').count();
        if text[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = 2 + hashes;
            return Some((false, text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())));
        }
    }
    if let Some(inside) = text.strip_prefix('\'') {
        let mut chars = inside.chars();
        let (one, two) = (chars.next()?, chars.next()?);
        // A lifetime has no closing quote after one character.
        return Some(if one == '\\' || two == '\'' { (false, closed_by_quote(text, '\'')) } else { (true, 1) });
    }
    None
}

fn closed_by_quote(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Code (see [`code_only`]) with every item under `#[cfg(test)]` blanked.
pub fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let end = at + MARK.len() + item_length(&rest[at + MARK.len()..]);
        out.extend(rest[at..end].chars().filter(|c| *c == '\n'));
        rest = &rest[end..];
    }
    out + rest
}

/// Length of the item that the text starts with: to its `;` or its closing brace.
fn item_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{code_only, without_tests};

    #[test]
    fn literals_and_comments_are_blanked() {
        let code = code_only("let a = \"x{\\\"y\"; // z{\nlet c = '{'; fn f<'a>() {} r#\"q\"{\"#; /* {\n */ b");
        assert_eq!(code, "let a = \"\"; \"\"\nlet c = \"\"; fn f<'a>() {} \"\"; \"\n\" b");
    }

    #[test]
    fn test_items_are_blanked_and_lines_stay() {
        let code = without_tests("a\n#[cfg(test)]\nmod tests {\n  fn f() { g(); }\n}\nb\n#[cfg(test)]\nmod more;\nc");
        assert_eq!(code, "a\n\n\n\n\nb\n\n\nc");
    }
}
