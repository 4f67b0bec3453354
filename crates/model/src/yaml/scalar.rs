//! What a plain scalar means: the core schema of YAML 1.2.

use serde_json::{Number, Value};

/// The value of a plain scalar.
pub fn plain(text: &str) -> Value {
    let Some(first) = text.bytes().next() else { return Value::Null };
    match first {
        b'~' | b'n' | b'N' if matches!(text, "~" | "null" | "Null" | "NULL") => Value::Null,
        b't' | b'T' if matches!(text, "true" | "True" | "TRUE") => Value::Bool(true),
        b'f' | b'F' if matches!(text, "false" | "False" | "FALSE") => Value::Bool(false),
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
        _ => Value::String(text.to_owned()),
    }
}

/// The value of a text that looks like a number. Infinities and NaN have no JSON and become `null`, as in JavaScript.
fn number(text: &str) -> Option<Value> {
    let radix = |prefix, radix| {
        let digits: &str = text.strip_prefix(prefix)?;
        let good = digits.bytes().all(|b| char::from(b).is_digit(radix));
        good.then(|| u64::from_str_radix(digits, radix).ok()).flatten()
    };
    if let Some(whole) = radix("0o", 8).or_else(|| radix("0x", 16)) {
        return Some(whole.into());
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Value::Null);
    }
    if unsigned.bytes().all(|b| b.is_ascii_digit()) && !unsigned.is_empty() {
        let signed = text.strip_prefix('+').unwrap_or(text);
        let whole = signed.parse::<i64>().map(Number::from).or_else(|_| signed.parse::<u64>().map(Number::from));
        return whole.map(Value::Number).ok().or_else(|| float(text));
    }
    is_float(unsigned).then(|| float(text)).flatten()
}

/// Whether a text without sign is digits with a point or an exponent.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let good_exponent = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    let good_mantissa = match mantissa.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()),
        None => exponent.is_some() && !mantissa.is_empty() && digits(mantissa),
    };
    good_mantissa && good_exponent
}

/// A floating-point number; whole ones become integers, since JavaScript writes them so.
fn float(text: &str) -> Option<Value> {
    let float: f64 = text.parse().ok()?;
    if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
        // Exact: the value is whole and below 2^53. "-0" reads as 0.
        return format!("{float:.0}").parse::<i64>().ok().map(Value::from);
    }
    Some(Number::from_f64(float).map_or(Value::Null, Value::Number))
}

/// The text of a value that is used as a key, as JavaScript writes it.
pub fn key(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null => Some(String::new()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => {
            let mut text = String::new();
            crate::flatten::write_number(&number, &mut text);
            Some(text)
        }
        Value::Array(_) | Value::Object(_) => None,
    }
}
