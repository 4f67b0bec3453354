//! What a form sent.

use super::visit::pairs;

/// The fields of a form, as they were sent.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body in the form that browsers send.
    pub fn read(body: &[u8]) -> Form {
        Form(pairs(body))
    }

    /// The first value of a field, without blanks around it; empty when absent.
    pub fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// The first value of a field just as it was sent.
    pub fn exact(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a box was ticked.
    pub fn ticked(&self, name: &str) -> bool {
        self.one(name) == "true"
    }
}

/// An address within this server: where a form may lead back to. Anything else becomes the first page.
pub fn local(text: &str) -> String {
    let inside =
        text.starts_with('/') && !text.starts_with("//") && !text.contains('\\') && !text.contains(char::is_control);
    if inside { text.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_lead_back_to_this_server_only() {
        assert_eq!(local("/get?q=a"), "/get?q=a");
        for wrong in ["", "//evil.example", "https://evil.example", "/\\evil.example", "get", "/a\r\nb"] {
            assert_eq!(local(wrong), "/", "{wrong:?}");
        }
    }

    #[test]
    fn reads_what_browsers_send() {
        let form = Form::read(b"name=orders+db&x=1&x=2&tick=true");
        assert_eq!(form.one("name"), "orders db");
        assert_eq!(form.all("x"), ["1", "2"]);
        assert!(form.ticked("tick") && !form.ticked("other"));
    }
}
