//! Characters that leave a mark on the page, and characters that change the direction of the text around them.

/// Code points that a program draws nothing for, though they are no spaces: `Default_Ignorable_Code_Point` of the
/// Unicode Character Database, the other characters of layout (`Cf`) beside them, and the empty Braille pattern.
const IGNORABLE: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Checks whether anything of the text can be seen.
#[must_use]
pub fn has_visible(text: &str) -> bool {
    text.chars().any(|character| !character.is_whitespace() && !character.is_control() && !is_ignorable(character))
}

/// Checks whether a program draws nothing for the character, though it is no space.
#[must_use]
pub fn is_ignorable(character: char) -> bool {
    IGNORABLE.iter().any(|(first, last)| (*first..=*last).contains(&character))
}

/// Checks whether the character changes the direction of the text around it (`Bidi_Control`): what stands beside a name
/// that holds one is shown in another order than it has.
#[must_use]
pub fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Checks whether the character ends a line, or is another of those that control rather than show: control characters,
/// and Unicode's separators of lines and paragraphs.
#[must_use]
pub fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_see() {
        for text in [
            "",
            " \t\u{a0}\u{3000}\u{2028}",
            "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}",
            "\u{3164}\u{ffa0}\u{115f}\u{1160}",
            "\u{2800}\u{ad}\u{34f}\u{180e}",
            "\u{e0061}\u{fe0f}\u{202e}\u{7f}\0",
        ] {
            assert!(!has_visible(text), "{text:?}");
        }
        for text in [".", "\u{200b}a", "李", "\u{1f469}\u{200d}\u{1f4bb}", "\u{301}"] {
            assert!(has_visible(text), "{text:?}");
        }
    }
}
