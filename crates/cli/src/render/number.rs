//! Numbers as people read them: sizes in decimal units, thousands separated, shares in per cent.

/// Returns a size: `464 B`, `12.3 kB`, `1.2 GB`. 1 MB is 1,000,000 bytes.
pub(crate) fn bytes(size: u64) -> String {
    const UNITS: &[(f64, &str)] = &[(1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB"), (1e15, "PB"), (1e18, "EB")];
    if size < 1000 {
        return format!("{size} B");
    }
    // 999,950 bytes would print as 1000.0 kB.
    let fits = |&&(unit, _): &&(f64, &str)| size as f64 / unit < 999.95;
    let (unit, name) = UNITS.iter().find(fits).unwrap_or(&UNITS[UNITS.len() - 1]);
    format!("{:.1} {name}", size as f64 / unit)
}

/// Returns a difference of sizes with its sign: `+1.2 MB`, `-464 B`, `0 B`.
pub(crate) fn delta_bytes(delta: i64) -> String {
    format!("{}{}", sign(delta), bytes(delta.unsigned_abs()))
}

/// Returns a number of things: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut result = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            result.push(',');
        }
        result.push(digit);
    }
    result
}

/// Returns a difference of numbers with its sign: `+1,234`.
pub(crate) fn delta_count(delta: i64) -> String {
    format!("{}{}", sign(delta), count(delta.unsigned_abs()))
}

/// Returns a share of 0 to 1 in per cent: `42%`, `0.3%`.
pub(crate) fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent != 0.0 && percent.abs() < 9.95 { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}

/// Returns a time with two or three digits: `18 ms`, `0.9 s`, `41 s`, `12 m`, `3 h`, `5 d`.
pub(crate) fn time(time: std::time::Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 0.01 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 0.5 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        _ if seconds < 100.0 => format!("{seconds:.0} s"),
        _ if seconds < 6000.0 => format!("{:.0} m", seconds / 60.0),
        _ if seconds < 172_800.0 => format!("{:.0} h", seconds / 3600.0),
        _ => format!("{:.0} d", seconds / 86_400.0),
    }
}

/// Returns a moment of UTC as ISO 8601 has it, to the second: `2026-11-30T17:05:09Z`.
pub(crate) fn utc(time: std::time::SystemTime) -> String {
    const DAY: u64 = 86_400;
    let seconds = time.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let [year, month, day] = date(seconds / DAY);
    let of_day = seconds % DAY;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Returns year, month and day of the day that so many others were before since 1970.
fn date(days: u64) -> [u64; 3] {
    // Counted from a first of March, so that the day that some years have more is the last of its year.
    const BEFORE_1970: u64 = 719_468;
    const OF_400_YEARS: u64 = 146_097;
    let days = days + BEFORE_1970;
    let (era, day) = (days / OF_400_YEARS, days % OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let is_next_year = month >= 10;
    [era * 400 + year + u64::from(is_next_year), if is_next_year { month - 9 } else { month + 3 }, day - (153 * month + 2) / 5 + 1]
}

fn sign(delta: i64) -> &'static str {
    match delta {
        0 => "",
        1.. => "+",
        _ => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let cases =
            [(3, "3.0 ms"), (18, "18 ms"), (940, "0.9 s"), (41_000, "41 s"), (720_000, "12 m"), (10_800_000, "3 h"), (432_000_000, "5 d")];
        for (millis, expect) in cases {
            assert_eq!(time(std::time::Duration::from_millis(millis)), expect);
        }
    }

    #[test]
    fn moments() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_764_522_309, "2025-11-30T17:05:09Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, expect) in cases {
            assert_eq!(utc(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)), expect);
        }
    }

    #[test]
    fn sizes() {
        let cases = [
            (0, "0 B"),
            (464, "464 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (12_345, "12.3 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (90_700_000, "90.7 MB"),
            (217_000_000, "217.0 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (size, text) in cases {
            assert_eq!(bytes(size), text);
        }
        assert_eq!(delta_bytes(-464), "-464 B");
        assert_eq!(delta_bytes(i64::MIN), "-9.2 EB");
        assert_eq!(delta_bytes(0), "0 B");
    }

    #[test]
    fn counts_and_shares() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([delta_count(1500), delta_count(-1), delta_count(0)], ["+1,500", "-1", "0"]);
        assert_eq!([share(0.0), share(0.003), share(0.42), share(1.0), share(f64::NAN)], ["0%", "0.3%", "42%", "100%", "NaN%"]);
    }
}
