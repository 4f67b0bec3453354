//! Counting what the test runners report.

use std::fmt;

/// How many lines of what a failed test said are told again at the end.
const LINES_OF_A_FAILURE: usize = 25;

/// How many tests passed, failed and were skipped, and what the failed ones said.
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
    /// Each failed test with the first lines that it said, told again at the end: what a test that passed says on the
    /// way can be long, and a runner may keep only the last part of the output.
    failures: Vec<(String, Vec<String>)>,
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
        self.failures.push((what.to_owned(), Vec::new()));
    }

    /// How many failed so far.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Takes in one line of `cargo test -- --show-output`. A test that prints `skipped: …` counts as skipped once and
    /// not as passed. True when the line is worth showing: what passing tests say is not, but for what they skip.
    pub fn cargo_line(&mut self, line: &str) -> bool {
        let quiet = self.successes;
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, " passed").saturating_sub(self.said_skipped);
            self.failed += number_before(result, " failed");
            self.skipped += number_before(result, " ignored");
            (self.successes, self.section, self.said_skipped) = (false, None, 0);
        } else if line == "successes:" || line == "failures:" {
            (self.successes, self.section) = (line == "successes:", None);
        } else if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.section = Some(false);
            if !self.successes {
                self.failures.push((name.to_owned(), Vec::new()));
            }
        } else if line.starts_with("skipped: ") {
            self.skipped_line();
            return true;
        } else if self.section.is_some() && !self.successes {
            self.failure_line(line);
        }
        !(quiet && self.successes)
    }

    fn failure_line(&mut self, line: &str) {
        let said = self.failures.last_mut().map(|(_, said)| said);
        if let Some(said) = said.filter(|said| said.len() < LINES_OF_A_FAILURE && !line.is_empty()) {
            said.push(line.to_owned());
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
        if let Some(name) = line.trim_start().strip_prefix("✖ ").filter(|name| *name != "failing tests:") {
            self.failed_journey(name);
        }
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

impl Tally {
    /// The reporter names a failed test twice: where it ran, and in the list at the end.
    fn failed_journey(&mut self, name: &str) {
        if !self.failures.iter().any(|(known, _)| known == name) {
            self.failures.push((name.to_owned(), Vec::new()));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, said) in &self.failures {
            writeln!(out, "failed: {name}")?;
            said.iter().try_for_each(|line| writeln!(out, "    {line}"))?;
        }
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
        let shown: Vec<&str> = lines.lines().filter(|line| tally.cargo_line(line)).collect();
        assert_eq!(tally.to_string(), "2 passed, 0 failed, 2 skipped");
        assert!(shown.contains(&"skipped: b: no shared data") && !shown.contains(&"---- b stdout ----"), "{shown:?}");
    }

    #[test]
    fn failures_and_node_results_are_added_up() {
        let mut tally = Tally::default();
        tally.cargo_line("test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        ["✔ home (12ms)", "✖ away (3ms)", "ℹ tests 4", "ℹ pass 2", "ℹ fail 1", "ℹ cancelled 0", "ℹ skipped 1"]
            .iter()
            .for_each(|line| tally.node_line(line));
        assert_eq!(tally.to_string(), "failed: away (3ms)\n12 passed, 3 failed, 1 skipped");
        assert_eq!(tally.failed(), 3);
    }

    #[test]
    fn what_a_failed_test_said_is_told_again_at_the_end() {
        let mut tally = Tally::default();
        let lines = "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\nsuccesses:\n\n---- a stdout ----\nmuch\n\n\
                     successes:\n    a\n\nfailures:\n\n---- b stdout ----\n\nthread 'b' panicked\nfirst\n\n\
                     failures:\n    b\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        let shown: Vec<&str> = lines.lines().filter(|line| tally.cargo_line(line)).collect();
        assert!(shown.contains(&"first") && shown.contains(&"    b") && !shown.contains(&"much"), "{shown:?}");
        let told = "failed: b\n    thread 'b' panicked\n    first\n1 passed, 1 failed, 0 skipped";
        assert_eq!(tally.to_string(), told);
    }
}
