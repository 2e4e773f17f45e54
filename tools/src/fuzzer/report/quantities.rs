//! How numbers are written for people: three digits that matter, and always a unit.

/// A whole number with commas between thousands: `27,412`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Any number to three digits, whole from a hundred on: `0.0314`, `3.14`, `31.4`, `31,416`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    if size >= 99.95 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(size.round() as u64));
    }
    let decimals = match size {
        size if size < 1e-9 => return "0".to_owned(),
        size if size >= 9.995 => 1,
        size if size >= 0.995 => 2,
        size => (2.0 - size.log10().floor()) as usize,
    };
    format!("{value:.decimals$}")
}

/// A time given in microseconds: `850 µs`, `1.23 ms`, `12.3 s`.
pub fn micros(micros: f64) -> String {
    match micros {
        whole if whole.fract() == 0.0 && whole < 999.5 => format!("{whole:.0} µs"),
        micros if micros < 999.5 => format!("{} µs", number(micros)),
        micros if micros < 999_500.0 => format!("{} ms", number(micros / 1e3)),
        micros => format!("{} s", number(micros / 1e6)),
    }
}

/// A size in bytes, in steps of 1024: `812 B`, `3.61 KiB`, `1.20 GiB`.
pub fn bytes(bytes: f64) -> String {
    let mut size = bytes;
    for unit in ["B", "KiB", "MiB"] {
        if size.abs() < 1023.5 {
            return format!("{} {unit}", number(size));
        }
        size /= 1024.0;
    }
    format!("{} GiB", number(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_and_their_unit() {
        let counts = [0, 7, 999, 1_000, 27_412, 1_234_567].map(count);
        assert_eq!(counts, ["0", "7", "999", "1,000", "27,412", "1,234,567"]);
        let numbers = [
            0.0, 0.0314, 0.25, 2.71999, 27.1999, 99.97, 31_415.9, -2.5, -0.4,
        ]
        .map(number);
        let written = [
            "0", "0.0314", "0.250", "2.72", "27.2", "100", "31,416", "-2.50", "-0.400",
        ];
        assert_eq!(numbers, written);
        let times = [1.0, 850.0, 1_230.0, 999_700.0, 12_300_000.0].map(micros);
        assert_eq!(times, ["1 µs", "850 µs", "1.23 ms", "1.00 s", "12.3 s"]);
        let sizes = [812.0, 3_700.0, 1_288_490_188.8, -2_048.0].map(bytes);
        assert_eq!(sizes, ["812 B", "3.61 KiB", "1.20 GiB", "-2.00 KiB"]);
    }
}
