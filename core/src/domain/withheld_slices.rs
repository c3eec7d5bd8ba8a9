//! Slices of private tasks that are not told, because single tasks' results could be told from them, or from the others
//! by subtraction: complementary suppression, as statistical offices do it with tables (Willenborg and de Waal, Elements of
//! Statistical Disclosure Control, 2001).

use std::collections::{BTreeMap, BTreeSet};

/// Scenario, language and difficulty of a slice; empty where it is of every value.
pub type Values<'a> = [&'a str; 3];

/// Returns which of these slices, each with its number of tasks, are withheld. Those of fewer than `least` tasks are; and
/// where a slice is told, and of its tasks fewer than `least` are in none of the slices that it is divided into by one more
/// dimension and that are told, the smallest of these are withheld too, until there are enough. That of all tasks, which has
/// to be among them, is always told.
#[must_use]
pub fn withheld<'a>(slices: &BTreeMap<Values<'a>, u32>, least: u32) -> BTreeSet<Values<'a>> {
    let is_small =
        |(values, tasks): &(&Values<'a>, &u32)| **tasks < least && values.iter().any(|value| !value.is_empty());
    let mut withheld = slices.iter().filter(is_small).map(|(values, _)| *values).collect::<BTreeSet<_>>();
    loop {
        let mut divisions = BTreeMap::<(Values<'a>, usize), Division<'a>>::new();
        for (values, tasks) in slices.iter().filter(|(values, _)| !withheld.contains(*values)) {
            for (dimension, _) in values.iter().enumerate().filter(|(_, value)| !value.is_empty()) {
                divisions.entry((of_every(*values, dimension), dimension)).or_default().add(*values, *tasks);
            }
        }
        let told = divisions.into_iter().filter(|((whole, _), _)| !withheld.contains(whole));
        let revealing = told.filter(|((whole, _), division)| {
            let rest = slices.get(whole).map_or(0, |tasks| tasks.saturating_sub(division.tasks));
            (1..least).contains(&rest)
        });
        let more = revealing.filter_map(|(_, division)| division.smallest).map(|(_, values)| values);
        let known = withheld.len();
        withheld.extend(more.collect::<Vec<_>>());
        if withheld.len() == known {
            break;
        }
    }
    withheld
}

/// The slices that are told of one that is divided by a dimension.
#[derive(Default)]
struct Division<'a> {
    tasks: u32,
    smallest: Option<(u32, Values<'a>)>,
}

impl<'a> Division<'a> {
    fn add(&mut self, values: Values<'a>, tasks: u32) {
        self.tasks = self.tasks.saturating_add(tasks);
        let smallest = self.smallest.get_or_insert((tasks, values));
        *smallest = (tasks, values).min(*smallest);
    }
}

/// Returns the values of the slice that this one is a part of, by one dimension.
fn of_every(mut values: Values<'_>, dimension: usize) -> Values<'_> {
    if let Some(value) = values.get_mut(dimension) {
        *value = "";
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is withheld of slices by scenario and language, of at least ten tasks each.
    fn of(slices: &[(&'static str, &'static str, u32)]) -> Vec<(&'static str, &'static str)> {
        let slices = slices.iter().map(|(scenario, language, tasks)| ([*scenario, *language, ""], *tasks)).collect();
        withheld(&slices, 10).into_iter().map(|[scenario, language, _]| (scenario, language)).collect()
    }

    #[test]
    fn nothing_is_told_by_subtraction() {
        assert_eq!(of(&[("", "", 5)]), []);
        assert_eq!(of(&[("", "", 25), ("a", "", 15), ("b", "", 10)]), []);
        // The rest is one task.
        assert_eq!(of(&[("", "", 11), ("a", "", 10), ("b", "", 1)]), [("a", ""), ("b", "")]);
        // So it is where the task has no value.
        assert_eq!(of(&[("", "", 11), ("a", "", 10)]), [("a", "")]);
        // Two that are withheld hide each other; the next one hides one that is alone.
        assert_eq!(of(&[("", "", 30), ("a", "", 20), ("b", "", 5), ("c", "", 5)]), [("b", ""), ("c", "")]);
        assert_eq!(of(&[("", "", 45), ("a", "", 20), ("b", "", 20), ("c", "", 5)]), [("a", ""), ("c", "")]);
        // By two dimensions, what is told of one is what the other is taken from.
        let crossed = [("", "", 41), ("a", "", 20), ("b", "", 21), ("", "x", 41), ("a", "x", 20), ("b", "x", 21)];
        assert_eq!(of(&crossed), []);
        let crossed = [("", "", 41), ("a", "", 20), ("b", "", 21), ("", "x", 40), ("a", "x", 20), ("b", "x", 20)];
        assert_eq!(of(&crossed), [("", "x"), ("b", "x")]);
    }

    #[test]
    fn where_nothing_is_private_everything_is_told() {
        let slices = BTreeMap::from([(["", "", ""], 2), (["a", "", ""], 1), (["b", "", ""], 1)]);
        assert_eq!(withheld(&slices, 1), BTreeSet::new());
    }
}
