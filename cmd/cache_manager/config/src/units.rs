//! Sizes and times as people write them: one way for file, environment and flags.

use std::fmt;
use std::time::Duration;

/// The longest time that a setting takes: ten years. What is longer was meant to
/// be never, and would overflow clocks.
pub(crate) const TIME_MAX: Duration = Duration::from_hours(10 * 365 * 24);

const SIZE_UNITS: [(&str, u32); 4] = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

/// From the longest; what a second has is the unit of a number without one.
const TIME_UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", NANOS_A_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
const NANOS_A_SECOND: u64 = 1_000_000_000;

/// A size in bytes: a number and, if wanted, KiB, MiB or GiB.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.find(not_a_digit).unwrap_or(text.len()));
    let none = || "a size is a whole number and a unit, such as 256MiB".to_owned();
    let number: u64 = number.parse().map_err(|_no_number| none())?;
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        unit => return Err(format!("{unit:?} is no unit of size: there are KiB, MiB and GiB")),
    };
    number.checked_mul(1 << shift).ok_or_else(|| "that is more bytes than there are".to_owned())
}

fn not_a_digit(c: char) -> bool {
    !c.is_ascii_digit()
}

/// A time: a number of seconds, or a number and one of d, h, m, s, ms, us and ns.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number of seconds, or has a unit: 10, 0.5, 250ms, 5m".to_owned();
    let is_unit = |c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E';
    let unit_at = text.find(is_unit).unwrap_or(text.len());
    let (number, unit) = (text[..unit_at].trim(), &text[unit_at..]);
    let nanos = match unit {
        "" => NANOS_A_SECOND,
        unit => {
            let known = TIME_UNITS.iter().find(|(name, _)| *name == unit);
            known.ok_or_else(wrong)?.1
        }
    };
    let time = match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(nanos).map(Duration::from_nanos),
        Err(_) => fraction(number, nanos).ok_or_else(wrong)?,
    };
    time.filter(|time| *time <= TIME_MAX).ok_or_else(|| "a time is at most ten years".to_owned())
}

/// `None` for what is no number from 0; within, `None` for one that is too large.
#[expect(clippy::option_option, reason = "two ways to be wrong, told apart by the caller")]
fn fraction(number: &str, nanos: u64) -> Option<Option<Duration>> {
    let number: f64 = number.parse().ok()?;
    let unit = Duration::from_nanos(nanos).as_secs_f64();
    let is_good = 0.0 <= number && number.is_finite();
    is_good.then(|| Duration::try_from_secs_f64(number * unit).ok())
}

/// Bytes, in the largest unit that says them exactly; [`size`] reads them back.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |shift: u32| shift <= self.0.trailing_zeros() && self.0 != 0;
        match SIZE_UNITS.iter().find(|(_, shift)| exact(*shift)) {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// A time, in the largest unit that says it exactly; [`time`] reads it back.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let exact = |unit: u64| nanos != 0 && nanos.is_multiple_of(u128::from(unit));
        match TIME_UNITS.iter().find(|(_, unit)| exact(*unit)) {
            Some((name, unit)) => write!(f, "{}{name}", nanos / u128::from(*unit)),
            None => f.write_str("0s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_a_binary_unit() {
        let cases =
            [("1", 1), ("2KiB", 2_048), ("256MiB", 256 << 20), ("4 GiB", 4 << 30), ("3m", 3 << 20)];
        for (text, bytes) in cases {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "-1", "1.5GiB", "MiB", "1TB", "99999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_seconds_or_have_a_unit() {
        let cases = [
            ("10", Duration::from_secs(10)),
            ("0.5", Duration::from_millis(500)),
            ("0", Duration::ZERO),
            ("1e3", Duration::from_secs(1_000)),
            ("250ms", Duration::from_millis(250)),
            ("1.5 s", Duration::from_millis(1_500)),
            ("10m", Duration::from_mins(10)),
            ("2h", Duration::from_hours(2)),
            ("1d", Duration::from_hours(24)),
        ];
        for (text, expected) in cases {
            assert_eq!(time(text), Ok(expected), "{text}");
        }
        for wrong in ["", "-1", "ten", "1e99", "NaN", "inf", "5 minutes", "s", "3651d", "1M"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for bytes in [0, 1, 1_023, 1_024, 3 << 20, (8 << 20) - 1, u64::MAX] {
            assert_eq!(size(&Size(bytes).to_string()), Ok(bytes));
        }
        for nanos in [0, 1, 999, 1_500_000_000, 3_600_000_000_000, 299_999_999_999_999_999] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(time(&Time(duration).to_string()), Ok(duration));
        }
        assert_eq!(Time(Duration::from_mins(10)).to_string(), "10m");
        assert_eq!(Size(256 << 20).to_string(), "256MiB");
    }
}
