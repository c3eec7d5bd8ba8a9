//! Passwords that a guesser tries first (ASVS 6.2.4) and the words of this product (ASVS 6.1.2).
//!
//! The list is `common_passwords.txt`: 11,380 passwords of at least 8 characters, in lower case and NFKC, sorted by
//! bytes, one a line. They are those of Django 5.2.19 (`common-passwords.txt.gz`, BSD 3-Clause) and the first 5,000 of
//! `@zxcvbn-ts/language-common` 4.1.3 (`passwords.json`, MIT); `common_passwords.LICENSE.txt` has both notices.

use std::cmp::Ordering;

const LIST: &str = include_str!("common_passwords.txt");

/// Words of this product: a longer one before its own beginning, so that the first that fits is the right one.
const PRODUCT_WORDS: [&str; 6] = ["aibaas", "benchmarking", "benchmarks", "benchmark", "leaderboards", "leaderboard"];

/// Checks whether the password, which is already in NFKC, is a common one in any upper or lower case, or consists of
/// this product's words alone, with any digits and punctuation around and between them.
#[must_use]
pub fn contains(password: &str) -> bool {
    is_listed(password) || is_product_words(&password.to_lowercase())
}

/// Checks whether the list has the password. It bisects the text itself, so that nothing is parsed at the start.
fn is_listed(password: &str) -> bool {
    let wanted = password.chars().flat_map(char::to_lowercase);
    let mut rest = LIST;
    while !rest.is_empty() {
        let middle = rest.len() / 2;
        let start = rest.get(..middle).and_then(|half| half.rfind('\n')).map_or(0, |end| end.saturating_add(1));
        let Some((before, from)) = rest.split_at_checked(start) else { return false };
        let (line, after) = from.split_once('\n').unwrap_or((from, ""));
        rest = match line.chars().cmp(wanted.clone()) {
            Ordering::Equal => return true,
            Ordering::Less => after,
            Ordering::Greater => before,
        };
    }
    false
}

fn is_product_words(lower: &str) -> bool {
    let filler = |character: char| !character.is_alphabetic();
    let mut rest = lower.trim_matches(filler);
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let Some(after) = PRODUCT_WORDS.iter().find_map(|word| rest.strip_prefix(word)) else { return false };
        rest = after.trim_start_matches(filler);
    }
    true
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    #[test]
    fn the_list_is_what_the_search_takes_it_for() {
        let lines = LIST.lines().collect::<Vec<_>>();
        // ASVS asks for 3,000.
        assert_eq!(lines.len(), 11_380);
        assert!(LIST.ends_with('\n'));
        assert!(lines.is_sorted_by(|a, b| a < b));
        for line in lines {
            assert!(line.chars().count() >= 8, "{line}");
            assert!(line.to_lowercase() == line && line.nfkc().eq(line.chars()), "{line}");
            assert!(contains(line), "{line}");
        }
    }

    #[test]
    fn common_passwords() {
        // High in every published ranking; the first and the last line of the list.
        for common in ["password1", "12345678", "qwertyuiop", "Password123", "ILOVEYOU1", "TrustNo1", "P@ssw0rd"] {
            assert!(contains(common), "{common}");
        }
        assert!(contains(LIST.lines().next().unwrap()) && contains(LIST.lines().last().unwrap()));
        for uncommon in [
            "",
            "passwort und noch mehr",
            "zzzzzzzzzzzzzzzzzzzz",
            "!",
            "correct horse battery staple",
            "12345678\n",
            "\n",
        ] {
            assert!(!contains(uncommon), "{uncommon:?}");
        }
    }

    #[test]
    fn words_of_the_product() {
        for common in [
            "aibaas12",
            "AIBaaS-2026!",
            "aibaasaibaas",
            "benchmark",
            "!!Benchmarking!!",
            "leaderboard1",
            "aibaas benchmark",
            "7leaderboards7benchmarks7",
        ] {
            assert!(contains(common), "{common}");
        }
        for uncommon in ["aibaas is mine", "benchmarked", "saabia aibaas", "2026-11-23-x", "93710482664"] {
            assert!(!contains(uncommon), "{uncommon}");
        }
    }
}
