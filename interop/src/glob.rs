//! Patterns for ids, in which `*` stands for any characters.

/// A pattern.
pub(crate) struct Glob(Vec<String>);

impl Glob {
    pub(crate) fn new(pattern: &str) -> Self {
        Self(pattern.split('*').map(str::to_owned).collect())
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &self.0[..] else {
            return self.0.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in middle {
            let Some((_, behind)) = rest.split_once(part.as_str()) else {
                return false;
            };
            rest = behind;
        }
        rest.ends_with(last.as_str())
    }

    /// Matches an id with or without the role before its first `/`.
    pub(crate) fn matches_id(&self, id: &str) -> bool {
        let short = id.split_once('/').map_or(id, |(_, short)| short);
        self.matches(id) || self.matches(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let cases = [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("size-*", "size-1-mib", true),
            ("*-mib", "size-1-mib", true),
            ("s*1*b", "size-1-mib", true),
            ("s*1*b", "size-1-mi", false),
            ("ab*ba", "aba", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(
                Glob::new(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
