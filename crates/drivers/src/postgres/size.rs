//! Sizes as people write them.

use serde_json::Value;

/// Reads a number of bytes: `1073741824`, `1 GB`, `1Gi`, `500MB`.
pub(super) fn bytes(value: &Value) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let text = value.as_str()?.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim().trim_end_matches(['b', 'B']);
    let factor = match unit {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    let product = number.parse::<f64>().ok()? * factor;
    // Through text, because a cast would be silent about what does not fit.
    (0.0..9e18).contains(&product).then(|| format!("{product:.0}").parse().ok()).flatten()
}

/// Writes a number of bytes for people.
pub(super) fn text(bytes: i64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    match units.into_iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, text};
    use serde_json::json;

    #[test]
    fn sizes_are_read() {
        for (value, wanted) in [
            (json!(5), Some(5)),
            (json!("1 GB"), Some(1_000_000_000)),
            (json!("1Gi"), Some(1 << 30)),
            (json!("0.5MiB"), Some(1 << 19)),
            (json!("many"), None),
            (json!("5 apples"), None),
            (json!(null), None),
        ] {
            assert_eq!(bytes(&value), wanted, "{value}");
        }
        assert_eq!(text(1_550_000_000), "1.5 GB");
        assert_eq!(text(12), "12 bytes");
    }
}
