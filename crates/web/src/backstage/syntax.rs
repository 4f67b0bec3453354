//! What is wrong with a JSON text, in the words of the JavaScript engine under the peer.

/// Where reading stopped, and what was expected there.
struct Stop {
    at: usize,
    expected: Option<&'static str>,
}

/// Says what is wrong with a text that is no JSON object or list.
pub fn fault(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut reader = Reader { chars: &chars, at: 0, depth: 0 };
    reader.blanks();
    let stop = match chars.get(reader.at) {
        Some('{' | '[') => reader.value().err().unwrap_or_else(|| reader.trailing()),
        // Only objects and lists are taken, so anything else is wrong with its first character.
        _ => Stop { at: reader.at, expected: None },
    };
    words(text, &chars, &stop)
}

fn words(text: &str, chars: &[char], stop: &Stop) -> String {
    match (stop.expected, chars.get(stop.at)) {
        (Some(expected), _) => {
            let position = chars.iter().take(stop.at).map(|c| c.len_utf16()).sum::<usize>();
            format!("{expected} in JSON at position {position}")
        }
        (None, Some(found)) => {
            format!("Unexpected token '{found}', {} is not valid JSON", excerpt(text, chars, stop.at))
        }
        (None, None) => "Unexpected end of JSON input".to_owned(),
    }
}

/// The text around a place: all of a short one, else ten characters to both sides.
fn excerpt(text: &str, chars: &[char], at: usize) -> String {
    if chars.len() <= 40 {
        return format!("\"{text}\"");
    }
    let (from, to) = (at.saturating_sub(10), (at + 10).min(chars.len()));
    let middle: String = chars[from..to].iter().collect();
    let (before, after) = (if from > 0 { "..." } else { "" }, if to < chars.len() { "..." } else { "" });
    format!("{before}\"{middle}\"{after}")
}

/// Reads a text as the engine does, to find where it stops.
struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    depth: usize,
}

type Read = Result<(), Stop>;

/// Deeper texts are refused before this is asked.
const DEEPEST: usize = 200;

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn stop(&self, expected: Option<&'static str>) -> Stop {
        Stop { at: self.at, expected }
    }

    fn trailing(&mut self) -> Stop {
        self.blanks();
        self.stop(Some("Unexpected non-whitespace character after JSON"))
    }

    fn value(&mut self) -> Read {
        self.blanks();
        self.depth += 1;
        let result = match self.peek() {
            _ if self.depth > DEEPEST => Err(self.stop(None)),
            Some('{') => self.object(),
            Some('[') => self.list(),
            Some('"') => self.text(),
            Some(c) if c == '-' || c.is_ascii_digit() => self.number(),
            Some('t') => self.word("true"),
            Some('f') => self.word("false"),
            Some('n') => self.word("null"),
            _ => Err(self.stop(None)),
        };
        self.depth -= 1;
        result
    }

    fn object(&mut self) -> Read {
        self.at += 1;
        let mut first = true;
        loop {
            self.blanks();
            match self.peek() {
                Some('}') if first => break,
                Some('"') => self.text()?,
                _ if first => return Err(self.stop(Some("Expected property name or '}'"))),
                _ => return Err(self.stop(Some("Expected double-quoted property name"))),
            }
            first = false;
            self.blanks();
            if self.peek() != Some(':') {
                return Err(self.stop(Some("Expected ':' after property name")));
            }
            self.at += 1;
            self.value()?;
            self.blanks();
            match self.peek() {
                Some(',') => self.at += 1,
                Some('}') => break,
                _ => return Err(self.stop(Some("Expected ',' or '}' after property value"))),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn list(&mut self) -> Read {
        self.at += 1;
        self.blanks();
        if self.peek() == Some(']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value()?;
            self.blanks();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(']') => break,
                _ => return Err(self.stop(Some("Expected ',' or ']' after array element"))),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn text(&mut self) -> Read {
        self.at += 1;
        loop {
            match self.peek() {
                Some('"') => break,
                Some('\\') => self.at += 2,
                Some(c) if c < ' ' => return Err(self.stop(Some("Bad control character in string literal"))),
                Some(_) => self.at += 1,
                None => return Err(self.stop(Some("Unterminated string"))),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn number(&mut self) -> Read {
        while self.peek().is_some_and(|c| c.is_ascii_digit() || "+-.eE".contains(c)) {
            self.at += 1;
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Read {
        for expected in word.chars() {
            if self.peek() != Some(expected) {
                return Err(self.stop(None));
            }
            self.at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn says_it_as_the_engine_does() {
        for (text, expected) in [
            ("nope", "Unexpected token 'n', \"nope\" is not valid JSON"),
            ("\"x\"", "Unexpected token '\"', \"\"x\"\" is not valid JSON"),
            ("{bad", "Expected property name or '}' in JSON at position 1"),
            ("{\"a\":1,}", "Expected double-quoted property name in JSON at position 7"),
            ("{\"a\" 1}", "Expected ':' after property name in JSON at position 5"),
            ("{\"a\":tru}", "Unexpected token '}', \"{\"a\":tru}\" is not valid JSON"),
            ("[1", "Expected ',' or ']' after array element in JSON at position 2"),
            ("", "Unexpected end of JSON input"),
        ] {
            assert_eq!(fault(text), expected, "{text}");
        }
    }
}
