use std::cmp::Ordering;

/// Determines for each row, a score and its cost, whether it is on the Pareto front, in the order given: no other row
/// has a score at least as high and a cost at least as low, one of them strictly. `None` for a row whose cost is
/// absent, zero or no amount at all: it is unknown, not free, and takes no part.
///
/// V. Pareto, "Manuale di economia politica" (1906); found in one sweep by cost, as in H. T. Kung, F. Luccio and F. P.
/// Preparata, "On finding the maxima of a set of vectors", JACM 22 (1975).
#[must_use]
pub fn pareto_front(rows: &[(f64, Option<f64>)]) -> Vec<Option<bool>> {
    let mut priced: Vec<(usize, f64, f64)> = rows
        .iter()
        .enumerate()
        .filter_map(|(row, (score, cost))| {
            cost.filter(|cost| cost.is_finite() && *cost > 0.0).map(|cost| (row, *score, cost))
        })
        .collect();
    priced.sort_unstable_by(|(_, score, cost), (_, other_score, other_cost)| {
        cost.total_cmp(other_cost).then_with(|| other_score.total_cmp(score))
    });
    let mut front = vec![None; rows.len()];
    let mut best: Option<(f64, f64)> = None;
    for (row, score, cost) in priced {
        let optimal = match best {
            None => true,
            Some((best_score, best_cost)) => match score.partial_cmp(&best_score) {
                Some(Ordering::Greater) => true,
                Some(Ordering::Equal) => cost <= best_cost,
                Some(Ordering::Less) | None => false,
            },
        };
        if optimal {
            best = Some((score, cost));
        }
        if let Some(place) = front.get_mut(row) {
            *place = Some(optimal);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::super::aider;
    use super::*;

    #[test]
    fn aider_front() {
        let rows: Vec<(f64, Option<f64>)> =
            aider::scores().into_iter().zip(aider::ROWS.iter().map(|row| row.cost_usd)).collect();
        let front = pareto_front(&rows);
        assert_eq!(front.iter().flatten().count(), 51);
        let mut names: Vec<&str> = aider::ROWS
            .iter()
            .zip(&front)
            .filter(|(_, optimal)| **optimal == Some(true))
            .map(|(row, _)| row.model)
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "DeepSeek Chat V3 (prev)",
                "DeepSeek-V3.2-Exp (Chat)",
                "DeepSeek-V3.2-Exp (Reasoner)",
                "Grok 3 Mini Beta (high)",
                "gpt-4o-mini-2024-07-18",
                "gpt-5 (high)",
                "gpt-5 (low)",
                "gpt-5 (medium)",
            ]
        );
    }

    #[test]
    fn follows_the_definition() {
        let rows: Vec<(f64, Option<f64>)> = (0..400_u32)
            .map(|i| (f64::from(i * 7919 % 23) / 23.0, Some(f64::from(i * 104_729 % 31)).filter(|c| *c != 30.0)))
            .collect();
        let known = |cost: Option<f64>| cost.filter(|cost| *cost > 0.0);
        let expected: Vec<Option<bool>> = rows
            .iter()
            .map(|(score, cost)| {
                known(*cost).map(|cost| {
                    !rows
                        .iter()
                        .any(|(s, c)| known(*c).is_some_and(|c| *s >= *score && c <= cost && (*s > *score || c < cost)))
                })
            })
            .collect();
        assert_eq!(pareto_front(&rows), expected);
    }

    #[test]
    fn equals_stand_together_and_unknown_costs_stand_out() {
        assert_eq!(
            pareto_front(&[
                (0.5, Some(1.0)),
                (0.5, Some(1.0)),
                (0.5, Some(2.0)),
                (0.9, None),
                (0.9, Some(0.0)),
                (0.9, Some(f64::NAN)),
                (0.4, Some(1.0)),
            ]),
            [Some(true), Some(true), Some(false), None, None, None, Some(false)]
        );
        assert_eq!(pareto_front(&[]), []);
    }
}
