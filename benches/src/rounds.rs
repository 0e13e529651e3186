//! Interleaved rounds, medians and percentiles.
//!
//! ```text
//! round 0   A B C        each round starts with another contestant, so nobody always runs
//! round 1   B C A        into the caches, or the noise, that the same neighbour left
//! round 2   C A B
//! ```

/// Measures `contestants` in turn, `rounds` times over, and returns each one's median, figure by
/// figure.
pub fn medians<const FIGURES: usize>(
    rounds: usize,
    contestants: usize,
    mut measure: impl FnMut(usize) -> [f64; FIGURES],
) -> Vec<[f64; FIGURES]> {
    let mut taken = vec![Vec::with_capacity(rounds); contestants];
    for round in 0..rounds {
        for turn in 0..contestants {
            let contestant = (round + turn) % contestants;
            taken[contestant].push(measure(contestant));
        }
    }
    taken
        .iter()
        .map(|of_one| {
            std::array::from_fn(|figure| median(of_one.iter().map(|all| all[figure]).collect()))
        })
        .collect()
}

/// The middle one; of an even number, the mean of the two in the middle.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let half = figures.len() / 2;
    if figures.len() % 2 == 1 {
        figures[half]
    } else {
        f64::midpoint(figures[half - 1], figures[half])
    }
}

/// The least figure that at least this share of all do not pass; reorders them.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn percentile(figures: &mut [u32], share: f64) -> u32 {
    let rank = (figures.len() as f64 * share).ceil() as usize;
    let at = rank.clamp(1, figures.len()) - 1;
    *figures.select_nth_unstable(at).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contestant_opens_a_round_in_its_turn() {
        let mut order = Vec::new();
        let medians = medians(3, 3, |contestant| {
            order.push(contestant);
            [f64::from(u32::try_from(order.len()).unwrap())]
        });
        assert_eq!(order, [0, 1, 2, 1, 2, 0, 2, 0, 1]);
        assert_eq!(medians, [[6.0], [4.0], [5.0]]);
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let mut figures: Vec<u32> = (1..=1000).rev().collect();
        assert_eq!(percentile(&mut figures, 0.5), 500);
        assert_eq!(percentile(&mut figures, 0.999), 999);
        assert_eq!(percentile(&mut figures, 1.0), 1000);
    }
}
