/// Rounds to twelve significant digits. The last bits of logarithms and powers differ with the library that a host has
/// for them; rounded, the same question has the same answer on every host.
#[must_use]
pub fn significant(number: f64) -> f64 {
    format!("{number:.11e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bits_are_dropped() {
        assert_eq!(significant(0.401_028_229_863_874_9), 0.401_028_229_864);
        assert_eq!(significant(3.819_877_747_446_298_6e-11), 3.819_877_747_45e-11);
        assert_eq!((significant(0.0), significant(1.0), significant(1.0 - 1e-15)), (0.0, 1.0, 1.0));
        assert_eq!(significant(f64::INFINITY), f64::INFINITY);
    }
}
