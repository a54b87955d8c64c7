//! Text of peers in logs.

use std::fmt::{self, Display, Write};

/// Shows text that a peer sent: control characters, and whatever else a terminal would obey or
/// hide, are escaped.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\'' | '"' => f.write_char(character)?,
                _ => write!(f, "{}", character.escape_debug())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        for (text, shown) in [
            ("Alice's \"file\".txt", "Alice's \"file\".txt"),
            ("שלום", "שלום"),
            ("a\nb", r"a\nb"),
            ("\u{1b}[2J", r"\u{1b}[2J"),
            ("a\u{202e}b", r"a\u{202e}b"),
            (r"C:\a", r"C:\\a"),
        ] {
            assert_eq!(Shown(text).to_string(), shown);
        }
    }
}
