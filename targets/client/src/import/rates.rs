//! Rates as tables print them.

/// Tolerance between floating-point numbers.
const EXACT: f64 = 1e-9;

/// Way in which a printed number follows from the exact one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Rounded,
    Truncated,
}

/// Returns how a number was rounded to the printed one with that many decimals; `None` where it is another number.
pub fn fit(printed: f64, exact: f64, decimals: u8) -> Option<Fit> {
    let unit = 0.1_f64.powi(i32::from(decimals));
    let above = exact - printed;
    if above.abs() <= unit / 2.0 + EXACT {
        Some(Fit::Rounded)
    } else if above >= 0.0 && above < unit + EXACT {
        Some(Fit::Truncated)
    } else {
        None
    }
}

/// Finds the number of passes that a printed rate comes to; `whole` is the rate where all pass, 1 or 100.
///
/// # Errors
/// A text where no number does, or several do.
pub fn passes(printed: f64, whole: f64, decimals: u8, total: u32) -> Result<(u32, Fit), String> {
    let about = printed / whole * f64::from(total);
    if total == 0 || !(0.0..=f64::from(total)).contains(&about) {
        return Err(format!("{printed} is no rate of {total}"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a u32")]
    let below = about.floor() as u32;
    let near = below.saturating_sub(1)..=below.saturating_add(2).min(total);
    let fits = |passes: u32| fit(printed, whole * f64::from(passes) / f64::from(total), decimals);
    for way in [Fit::Rounded, Fit::Truncated] {
        let found: Vec<u32> = near.clone().filter(|passes| fits(*passes) == Some(way)).collect();
        match found.as_slice() {
            [] => {}
            [passes] => return Ok((*passes, way)),
            _ => return Err(format!("{printed} comes of several numbers of {total} passes")),
        }
    }
    Err(format!("{printed} comes of no number of {total} passes"))
}

/// Returns how many decimals a number is printed with, at most 12.
pub fn decimals(printed: &str) -> u8 {
    let decimals = printed.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    u8::try_from(decimals.min(12)).unwrap_or(12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_rounded_or_truncated() {
        let exact = 100.0 * 139.0 / 225.0;
        assert_eq!(fit(61.8, exact, 1), Some(Fit::Rounded));
        assert_eq!(fit(61.7, exact, 1), Some(Fit::Truncated));
        assert_eq!(fit(61.9, exact, 1), None);
        assert_eq!(fit(61.6, exact, 1), None);
        assert_eq!(fit(61.7, f64::NAN, 1), None);
    }

    #[test]
    fn passes_are_found_where_one_number_fits() {
        assert_eq!(passes(61.7, 100.0, 1, 225), Ok((139, Fit::Truncated)));
        assert_eq!(passes(41.98, 100.0, 2, 2294), Ok((963, Fit::Rounded)));
        assert_eq!(passes(0.611_406_249_999_999_9, 1.0, 12, 6400), Ok((3913, Fit::Rounded)));
        assert_eq!(passes(0.0, 1.0, 1, 3), Ok((0, Fit::Rounded)));
        assert_eq!(passes(1.0, 1.0, 12, 3), Ok((3, Fit::Rounded)));
        for (printed, decimals, total) in
            [(39.58, 2, 500), (50.0, 1, 10_000), (101.0, 1, 10), (f64::NAN, 1, 10), (0.0, 1, 0)]
        {
            assert!(passes(printed, 100.0, decimals, total).is_err(), "{printed} of {total}");
        }
    }

    /// Checks the rates of Aider's refactor_leaderboard.yml at commit 068fb38: rates alone, of the cases that came to
    /// an end.
    #[test]
    fn a_published_board_comes_of_counts() {
        for (rate, cases, passed) in [
            (49.4, 89, 44),
            (72.3, 83, 60),
            (34.1, 88, 30),
            (33.7, 89, 30),
            (50.6, 89, 45),
            (62.9, 89, 56),
            (64.0, 89, 57),
            (32.6, 89, 29),
            (31.5, 89, 28),
            (92.1, 89, 82),
            (44.9, 89, 40),
            (75.3, 89, 67),
        ] {
            assert_eq!(passes(rate, 100.0, 1, cases), Ok((passed, Fit::Rounded)), "{rate} of {cases}");
        }
        assert!(passes(21.4, 100.0, 1, 88).is_err());
    }

    #[test]
    fn decimals_are_those_that_are_printed() {
        assert_eq!([decimals("61.70"), decimals("20"), decimals("0.6114062499999999")], [2, 0, 12]);
    }
}
