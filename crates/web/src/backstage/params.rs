//! Query parameters, read and refused as the peer does: its router reads `a[]=` and `a[0]=` as lists, its validator
//! refuses unknown and empty parameters first, then looks at types.

use super::error::Fault;

/// What a parameter holds.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// One text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number that is not negative.
    Whole,
    /// Texts; the parameter may be repeated.
    List,
    /// Texts; the parameter may be repeated, and each value is cut at commas.
    Commas,
}

/// The parameters of a route, in the order of its description.
pub type Rules = &'static [(&'static str, Form)];

/// The values of a parameter.
#[derive(Debug, Default)]
struct Values {
    texts: Vec<String>,
    /// Whether a value came under a name (`a[x]=`), so that it is an object and no text.
    object: bool,
}

/// The parameters of a request.
#[derive(Debug, Default)]
pub struct Params {
    found: Vec<(String, Values)>,
}

impl Params {
    /// Reads and checks the parameters of a request.
    ///
    /// # Errors
    /// An input error that names the parameter.
    pub fn read(query: Option<&str>, rules: Rules) -> Result<Params, Fault> {
        let mut params = Params::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            params.take(pair);
        }
        params.check_names(rules)?;
        for (name, form) in rules {
            if let Some(values) = params.found.iter_mut().find(|(known, _)| known == name) {
                check(name, *form, &mut values.1)?;
            }
        }
        Ok(params)
    }

    fn take(&mut self, pair: &str) {
        let at = pair.find("]=").map_or_else(|| pair.find('='), |at| Some(at + 1));
        let (key, value) = at.map_or((pair, ""), |at| (&pair[..at], &pair[at + 1..]));
        let (key, value) = (decode(key), decode(value));
        let (name, index) = match key.split_once('[') {
            Some((name, index)) if !name.is_empty() && index.ends_with(']') => (name, index.trim_end_matches(']')),
            _ => (key.as_str(), ""),
        };
        let object = !index.bytes().all(|byte| byte.is_ascii_digit());
        if !self.found.iter().any(|(known, _)| known == name) {
            self.found.push((name.to_owned(), Values::default()));
        }
        if let Some((_, values)) = self.found.iter_mut().find(|(known, _)| known == name) {
            values.texts.push(value);
            values.object |= object;
        }
    }

    fn check_names(&self, rules: Rules) -> Result<(), Fault> {
        for (name, values) in &self.found {
            if !rules.iter().any(|(known, _)| known == name) {
                return Err(Fault::input(format!("Unknown query parameter '{name}'")));
            }
            if let [only] = values.texts.as_slice()
                && only.is_empty()
                && !values.object
            {
                return Err(Fault::input(format!("Empty value found for query parameter '{name}'")));
            }
        }
        Ok(())
    }

    /// All values of a parameter.
    pub fn texts(&self, name: &str) -> &[String] {
        self.found.iter().find(|(known, _)| known == name).map_or(&[], |(_, values)| &values.texts)
    }

    /// The value of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).first().map(String::as_str)
    }

    /// The number of a parameter.
    pub fn whole(&self, name: &str) -> Option<usize> {
        // A number beyond what the machine counts is as good as the greatest.
        self.text(name).and_then(number).map(|number| number as usize)
    }
}

/// Checks the values of one parameter, and cuts lists.
fn check(name: &str, form: Form, values: &mut Values) -> Result<(), Fault> {
    let wrong = |what: &str| Err(Fault::input(format!("request/query/{name} {what}")));
    let single = values.texts.len() == 1 && !values.object;
    match form {
        Form::List | Form::Commas if values.object => wrong_item(name),
        Form::Text | Form::Choice(_) if !single => wrong("must be string"),
        Form::Choice(words) if !values.texts.iter().all(|text| words.contains(&text.as_str())) => {
            wrong(&format!("must be equal to one of the allowed values: {}", words.join(", ")))
        }
        Form::Whole => match values.texts.first().filter(|_| single).and_then(|text| number(text)) {
            Some(number) if number.fract() != 0.0 => wrong("must be integer"),
            Some(number) if number < 0.0 => wrong("must be >= 0"),
            Some(_) => Ok(()),
            None => wrong("must be integer"),
        },
        Form::Commas => {
            let cut = values.texts.iter().flat_map(|text| text.split(',').map(str::to_owned));
            values.texts = cut.collect();
            Ok(())
        }
        _ => Ok(()),
    }
}

fn wrong_item(name: &str) -> Result<(), Fault> {
    Err(Fault::input(format!("request/query/{name}/0 must be string")))
}

/// A text as a number, as JavaScript reads it in a comparison.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.is_empty() {
        return Some(0.0);
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}

/// Undoes the encoding of a part of a query; a part that is not well encoded stays as it is, but for its `+`.
pub fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent(&spaced).unwrap_or(spaced)
}

/// Undoes percent encoding; none when it is broken or gives no text.
pub fn percent(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = &[
        ("filter", Form::List),
        ("fields", Form::Commas),
        ("limit", Form::Whole),
        ("after", Form::Text),
        ("totalItems", Form::Choice(&["include", "exclude"])),
    ];

    fn message(query: &str) -> String {
        Params::read(Some(query), RULES).unwrap_err().message
    }

    #[test]
    fn lists_and_numbers_are_read() {
        let params =
            Params::read(Some("&filter=a%3Db&&filter[]=c+d&filter[1]=%E0%A4%A&fields=a,b&limit=1e2"), RULES).unwrap();
        assert_eq!(params.texts("filter"), ["a=b", "c d", "%E0%A4%A"]);
        assert_eq!(params.texts("fields"), ["a", "b"]);
        assert_eq!((params.whole("limit"), params.text("after")), (Some(100), None));
    }

    #[test]
    fn the_words_of_refusals_are_those_of_the_peer() {
        for (query, expected) in [
            ("unknown=1", "Unknown query parameter 'unknown'"),
            ("Filter=x", "Unknown query parameter 'Filter'"),
            ("filter", "Empty value found for query parameter 'filter'"),
            ("fields=", "Empty value found for query parameter 'fields'"),
            ("filter[a]=x", "request/query/filter/0 must be string"),
            ("limit=1.5", "request/query/limit must be integer"),
            ("limit=x", "request/query/limit must be integer"),
            ("limit=1&limit=2", "request/query/limit must be integer"),
            ("limit=-1", "request/query/limit must be >= 0"),
            ("after=a&after=b", "request/query/after must be string"),
            (
                "totalItems=none",
                "request/query/totalItems must be equal to one of the allowed values: include, exclude",
            ),
        ] {
            assert_eq!(message(query), expected, "{query}");
        }
        assert!(Params::read(Some("filter=&filter=kind%3Da"), RULES).is_ok());
    }
}
