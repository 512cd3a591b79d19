//! What a test program tells of its tests, line by line.

use std::collections::{BTreeMap, BTreeSet};

/// How many of the last lines are kept for a guest that ends too early.
const KEPT: usize = 12;

/// The words of a test program as far as they came.
#[derive(Debug, Default)]
pub(super) struct Report {
    passed: BTreeSet<String>,
    failed: BTreeSet<String>,
    /// What each test that failed had printed.
    printed: BTreeMap<String, String>,
    /// The test whose prints come now.
    section: Option<String>,
    last: Vec<String>,
    about_tests: bool,
}

impl Report {
    /// Takes a line; gives the name of a test that has passed.
    pub(super) fn take<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        if self.last.len() == KEPT {
            self.last.remove(0);
        }
        self.last.push(line.to_owned());
        self.about_tests = line.starts_with("test ") || line.starts_with("running ");
        let verdict = line
            .strip_prefix("test ")
            .and_then(|it| it.split_once(" ... "));
        match verdict {
            Some((name, "ok")) => {
                self.passed.insert(name.to_owned());
                return Some(name);
            }
            Some((name, "FAILED")) => {
                self.failed.insert(name.to_owned());
            }
            _ => self.take_print(line),
        }
        None
    }

    /// What failed tests have printed comes at the end, each under its name.
    fn take_print(&mut self, line: &str) {
        let headed = line.strip_prefix("---- ");
        if let Some(name) = headed.and_then(|it| it.strip_suffix(" stdout ----")) {
            self.section = Some(name.to_owned());
        } else if line == "failures:" {
            self.section = None;
        } else if let Some(name) = &self.section {
            let printed = self.printed.entry(name.clone()).or_default();
            printed.push_str(line);
            printed.push('\n');
        }
    }

    /// Whether the last line was one with which a test begins or ends.
    pub(super) const fn is_about_tests(&self) -> bool {
        self.about_tests
    }

    /// Why a test did not hold, if it did not; `ended` says how the guest ended.
    pub(super) fn reason(&self, name: &str, ended: &str) -> Option<String> {
        if self.passed.contains(name) {
            None
        } else if self.failed.contains(name) {
            let printed = self.printed.get(name).map_or("", |it| it.trim());
            Some(printed.to_owned())
        } else {
            Some(format!(
                "{ended} without a word of it, after:\n{}",
                self.last.join("\n")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> (Report, Vec<String>) {
        let mut report = Report::default();
        let passed = text
            .lines()
            .filter_map(|line| report.take(line).map(str::to_owned));
        let passed = passed.collect();
        (report, passed)
    }

    #[test]
    fn verdicts_and_prints_are_told_apart() {
        let (report, passed) = report(
            "\nrunning 3 tests\ntest a::one ... ok\ntest a::two ... FAILED\n\nfailures:\n\n\
             ---- a::two stdout ----\n\nthread 'x' panicked:\nwhy\n\n\nfailures:\n    a::two\n\n\
             test result: FAILED. 1 passed; 1 failed",
        );
        assert_eq!(passed, ["a::one"]);
        assert_eq!(report.reason("a::one", "it ended"), None);
        let two = report.reason("a::two", "it ended");
        assert_eq!(two.as_deref(), Some("thread 'x' panicked:\nwhy"));
    }

    #[test]
    fn a_test_without_a_verdict_has_failed() {
        let (report, passed) = report("running 1 test\ntest a::one ... Kernel panic");
        assert!(passed.is_empty());
        assert_eq!(
            report.reason("a::one", "the guest ended").as_deref(),
            Some(
                "the guest ended without a word of it, after:\nrunning 1 test\ntest a::one ... Kernel panic"
            )
        );
    }
}
