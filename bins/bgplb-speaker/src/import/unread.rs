//! Tables of services that are written and not read yet.

/// What [`Config::parse`](crate::config::Config::parse) does not know. Empty, this
/// file and its two uses can go.
const UNREAD: [&str; 2] = ["[[services.ports]]", "[[services.checks]]"];

/// The text without these tables.
pub(crate) fn without_unread(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut skipping = false;
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            skipping = UNREAD.contains(&line.trim_end());
        }
        if !skipping {
            read.push_str(line);
        }
    }
    read
}
