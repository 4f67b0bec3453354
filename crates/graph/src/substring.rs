//! Substrings with wildcards.

/// `%text%` of SQL: `%` within the text stands for any text, `_` for any one character, and neither can be escaped
/// (as the Backstage catalog has it).
pub(crate) struct Pattern {
    text: Vec<char>,
    /// The text itself, when it has no wildcard.
    plain: Option<String>,
}

impl Pattern {
    /// A pattern that matches where the text occurs.
    pub fn within(text: &str) -> Pattern {
        let plain = (!text.contains(['%', '_'])).then(|| text.to_owned());
        Pattern { text: format!("%{text}%").chars().collect(), plain }
    }

    /// Whether the value matches.
    pub fn matches(&self, value: &str) -> bool {
        self.plain.as_ref().map_or_else(|| self.like(value), |plain| value.contains(plain.as_str()))
    }

    /// Goes forward through both texts; after a mismatch the newest `%` takes one character more.
    fn like(&self, value: &str) -> bool {
        let value: Vec<char> = value.chars().collect();
        let (mut at, mut pattern) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while at < value.len() {
            match self.text.get(pattern) {
                Some('%') => {
                    retry = Some((pattern + 1, at));
                    pattern += 1;
                }
                Some(wanted) if *wanted == '_' || *wanted == value[at] => {
                    at += 1;
                    pattern += 1;
                }
                _ => {
                    let Some((behind, taken)) = retry else { return false };
                    retry = Some((behind, taken + 1));
                    (pattern, at) = (behind, taken + 1);
                }
            }
        }
        self.text[pattern..].iter().all(|rest| *rest == '%')
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn wildcards_stand_for_text() {
        for (text, value, expected) in [
            ("b", "abc", true),
            ("a_c", "xabcx", true),
            ("a_c", "xacx", false),
            ("a%c", "a--c", true),
            ("c%a", "a--c", false),
            ("%", "", true),
            ("_", "", false),
            ("ä_", "ßäö", true),
            ("a%b%c", "aababab-c", true),
        ] {
            assert_eq!(Pattern::within(text).matches(value), expected, "{text} in {value}");
        }
    }
}
