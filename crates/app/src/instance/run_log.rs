//! What a driver writes while it works.

use crate::instance::driver::{RunLog, Secret};
use std::sync::Mutex;

/// Keeps the lines of a run; the secrets of the request are blanked by value.
#[derive(Default)]
pub(crate) struct Lines {
    pub(crate) lines: Mutex<Vec<String>>,
    pub(crate) secrets: Vec<Secret>,
}

impl Lines {
    /// The lines so far, which are kept elsewhere from now on.
    pub(crate) fn take(&self) -> Vec<String> {
        self.lines.lock().map(|mut lines| std::mem::take(&mut *lines)).unwrap_or_default()
    }

    /// Lines that could not be kept, before those that came meanwhile.
    pub(crate) fn put_back(&self, mut lines: Vec<String>) {
        if let Ok(mut newer) = self.lines.lock() {
            lines.append(&mut newer);
            *newer = lines;
        }
    }
}

impl RunLog for Lines {
    fn line(&self, text: &str) {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            // Short texts would blank ordinary words.
            if secret.reveal().len() >= 6 {
                text = text.replace(secret.reveal(), "***");
            }
        }
        if let Ok(mut lines) = self.lines.lock() {
            lines.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_secrets_in_lines() {
        let lines = Lines { lines: Mutex::default(), secrets: vec![Secret::new("s3cret-value")] };
        lines.line("connecting with s3cret-value now");
        assert_eq!(*lines.lines.lock().unwrap(), ["connecting with *** now"]);
    }
}
