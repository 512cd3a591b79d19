//! Why a look failed, in a sentence that is fit to be shown.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::timing::Seconds;

/// What was tried and what came of it, for example
/// `http://127.0.0.1:8080/health: 503 Service Unavailable (200-299 accepted)`.
///
/// At most 200 characters on one line, none of which controls a terminal or
/// the direction of writing: part of it may be what the service sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    text: Box<str>,
    is_timeout: bool,
}

impl Failure {
    /// A failure told by `sentence`, shortened and cleaned.
    #[must_use]
    pub fn new(sentence: impl fmt::Display) -> Self {
        Self::with(sentence, false)
    }

    /// `tried` had no answer within `limit`.
    #[must_use]
    pub fn timeout(tried: impl fmt::Display, limit: Duration) -> Self {
        Self::with(
            format_args!("{tried}: no answer within {}", Seconds(limit)),
            true,
        )
    }

    /// True if the look was ended because it took too long.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        self.is_timeout
    }

    fn with(sentence: impl fmt::Display, is_timeout: bool) -> Self {
        let mut text = Cleaned::default();
        // Fails where the text is full, which is the end of it.
        let _ = write!(text, "{sentence}");
        Self {
            text: text.text.into_boxed_str(),
            is_timeout,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// Takes text up to the limit, so that a sentence is never longer in memory
/// than it is allowed to be.
#[derive(Default)]
struct Cleaned {
    text: String,
    characters: usize,
}

impl fmt::Write for Cleaned {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for character in s.chars() {
            if self.characters == LONGEST {
                // Room for the mark is made where it is needed only.
                if !self.text.ends_with('…') {
                    self.text.pop();
                    self.text.push('…');
                }
                return Err(fmt::Error);
            }
            self.text
                .push(if is_plain(character) { character } else { ' ' });
            self.characters += 1;
        }
        Ok(())
    }
}

/// False for what would move the cursor or turn text around.
fn is_plain(character: char) -> bool {
    let turns = matches!(
        character,
        '\u{061c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    );
    !turns && !character.is_control()
}

/// Characters of a sentence.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_service_sent_cannot_move_the_cursor_or_fill_the_screen() {
        let failure = Failure::new("a\x1b[2Jb\r\nc\u{202e}d\u{7f}");
        assert_eq!(failure.to_string(), "a [2Jb  c d ");
        let long = Failure::new("é".repeat(5000));
        assert_eq!(long.to_string(), "é".repeat(199) + "…");
        let exact = Failure::new("é".repeat(200));
        assert_eq!(exact.to_string(), "é".repeat(200));
    }

    #[test]
    fn a_timeout_names_what_was_tried_and_its_limit() {
        let failure = Failure::timeout("tcp 192.0.2.1:80", Duration::from_millis(1500));
        assert!(failure.is_timeout());
        assert_eq!(
            failure.to_string(),
            "tcp 192.0.2.1:80: no answer within 1.5 s"
        );
        assert!(!Failure::new("x").is_timeout());
    }

    proptest! {
        #[test]
        fn a_sentence_is_short_and_plain_whatever_was_received(text in "\\PC*|.*", more in any::<String>()) {
            let failure = Failure::new(format_args!("{text}{more}{text}")).to_string();
            prop_assert!(failure.chars().count() <= LONGEST);
            prop_assert!(failure.chars().all(is_plain));
        }
    }
}
