//! Patterns with `*` (any characters) and `?` (one character).

/// Whether a text fits a pattern as a whole, without regard to case. Runs in the product of the two lengths at worst.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().flat_map(char::to_lowercase).collect();
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let (mut p, mut t) = (0, 0);
    // Where to try again: just after the newest star, with one character more for it.
    let mut again: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                again = Some((p + 1, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after_star, taken)) = again else { return false };
                p = after_star;
                t = taken + 1;
                again = Some((after_star, t));
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn fits_as_a_whole_and_in_any_case() {
        for (pattern, text) in
            [("*", ""), ("post*", "PostgreSQL"), ("*sql", "PostgreSQL"), ("p?st*l", "postgresql"), ("a*b*c", "aXbbYc")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("post", "postgres"), ("?", ""), ("a*b", "abc")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
