//! Times, sizes and shares as people type them: `10s`, `2GB`, `90%`.

use std::time::Duration;

/// Splits a number from the unit behind it.
fn split(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}

/// Nobody waits longer than a year; moments further off cannot be told.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Reads a time: `500ms`, `10s`, `5m`, `2h`. A number alone is seconds.
///
/// # Errors
/// What is wrong, for the usage message.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let read = || {
        let (number, unit) = split(text)?;
        let seconds = match unit {
            "ms" => number / 1000.0,
            "" | "s" => number,
            "m" | "min" => number * 60.0,
            "h" => number * 3600.0,
            "d" => number * 86_400.0,
            _ => return None,
        };
        Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero() && *time <= LONGEST)
    };
    read().ok_or_else(|| "a time is a number and a unit, a year at most: 500ms, 10s, 5m, 2h".to_owned())
}

/// Reads a size in bytes: `500MB`, `2GB`, `1.5GiB`. A number alone is bytes.
///
/// # Errors
/// What is wrong, for the usage message.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let read = || {
        let (number, unit) = split(text)?;
        let factor: u64 = match unit {
            "" | "B" => 1,
            "kB" | "KB" | "k" => 1000,
            "MB" | "M" => 1_000_000,
            "GB" | "G" => 1_000_000_000,
            "TB" | "T" => 1_000_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        let bytes = number * factor as f64;
        (1.0..1e18).contains(&bytes).then_some(bytes as u64)
    };
    read().ok_or_else(|| "a size is a number and a unit: 500MB, 2GB, 1.5GiB".to_owned())
}

/// Reads a share of a whole: `90%`, `0.9`.
///
/// # Errors
/// What is wrong, for the usage message.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let read = || {
        let (number, unit) = split(text)?;
        let share = match unit {
            "%" => number / 100.0,
            "" => number,
            _ => return None,
        };
        (0.01..=0.99).contains(&share).then_some(share)
    };
    read().ok_or_else(|| "a share lies between 1% and 99%: 90% or 0.9".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let check = |text: &str, millis: Option<u128>| assert_eq!(span(text).ok().map(|time| time.as_millis()), millis, "{text}");
        check("500ms", Some(500));
        check("10s", Some(10_000));
        check("10", Some(10_000));
        check("1.5m", Some(90_000));
        check("2h", Some(7_200_000));
        check("1 d", Some(86_400_000));
        for text in ["", "s", "0s", "-3s", "10y", "1e99h", "1.2.3s", "NaN", "99999999999999d"] {
            check(text, None);
        }
    }

    #[test]
    fn sizes() {
        let check = |text: &str, bytes: Option<u64>| assert_eq!(size(text).ok(), bytes, "{text}");
        check("2GB", Some(2_000_000_000));
        check("1.5GiB", Some(1_610_612_736));
        check("500 MB", Some(500_000_000));
        check("4096", Some(4096));
        for text in ["", "0", "GB", "2XB", "-1GB", "99999999999TB"] {
            check(text, None);
        }
    }

    #[test]
    fn shares() {
        let check = |text: &str, expect: Option<f64>| assert_eq!(share(text).ok(), expect, "{text}");
        check("90%", Some(0.9));
        check("0.5", Some(0.5));
        for text in ["", "0%", "100%", "1.5", "90", "x%", "9 of 10"] {
            check(text, None);
        }
    }
}
