//! Counting what the test runners report.

use std::fmt;

/// How many tests passed, failed and were skipped.
#[derive(Default)]
pub struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Tests of the binary that runs now that said they were skipped; its result line counts them as passed.
    said_skipped: u64,
    /// Inside the output of tests that passed.
    successes: bool,
    /// Inside the output of one test; true once that test was counted as skipped.
    section: Option<bool>,
}

impl Tally {
    /// Reports something that could not be tested here.
    pub fn skip(&mut self, what: &str, why: &str) {
        println!("skipped: {what}: {why}");
        self.skipped += 1;
    }

    /// Reports a step that failed before it could count anything itself.
    pub fn fail(&mut self, what: &str) {
        println!("failed: {what}");
        self.failed += 1;
    }

    /// How many failed so far.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Takes in one line of `cargo test -- --show-output`. A test that prints `skipped: …` counts as skipped once and
    /// not as passed.
    pub fn cargo_line(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, " passed").saturating_sub(self.said_skipped);
            self.failed += number_before(result, " failed");
            self.skipped += number_before(result, " ignored");
            (self.successes, self.section, self.said_skipped) = (false, None, 0);
        } else if line == "successes:" || line == "failures:" {
            (self.successes, self.section) = (line == "successes:", None);
        } else if line.starts_with("---- ") && line.ends_with(" stdout ----") {
            self.section = Some(false);
        } else if line.starts_with("skipped: ") {
            self.skipped_line();
        }
    }

    fn skipped_line(&mut self) {
        match self.section {
            Some(true) => {}
            Some(false) if self.successes => {
                self.section = Some(true);
                self.skipped += 1;
                self.said_skipped += 1;
            }
            Some(false) => {}
            None => self.skipped += 1,
        }
    }

    /// Takes in one line of `node --test --test-reporter=spec`.
    pub fn node_line(&mut self, line: &str) {
        let Some((what, number)) = line.strip_prefix("ℹ ").and_then(|text| text.split_once(' ')) else {
            return;
        };
        let number: u64 = number.parse().unwrap_or(0);
        match what {
            "pass" => self.passed += number,
            "fail" | "cancelled" => self.failed += number,
            "skipped" | "todo" => self.skipped += number,
            _ => {}
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

fn number_before(text: &str, word: &str) -> u64 {
    let Some(end) = text.find(word) else { return 0 };
    text[..end].rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn a_test_that_says_skipped_is_not_counted_as_passed() {
        let mut tally = Tally::default();
        let lines = "running 3 tests\ntest a ... ok\ntest b ... ok\ntest c ... ok\n\nsuccesses:\n\n---- b stdout ----\n\
                     skipped: b: no shared data\nskipped: b: again\n\nsuccesses:\n    a\n    b\n    c\n\n\
                     test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        lines.lines().for_each(|line| tally.cargo_line(line));
        assert_eq!(tally.to_string(), "2 passed, 0 failed, 2 skipped");
    }

    #[test]
    fn failures_and_node_results_are_added_up() {
        let mut tally = Tally::default();
        tally.cargo_line("test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        ["✔ home (12ms)", "ℹ tests 4", "ℹ pass 2", "ℹ fail 1", "ℹ cancelled 0", "ℹ skipped 1"]
            .iter()
            .for_each(|line| tally.node_line(line));
        assert_eq!(tally.to_string(), "12 passed, 3 failed, 1 skipped");
        assert_eq!(tally.failed(), 3);
    }
}
