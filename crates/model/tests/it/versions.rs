//! Versions, their order and their ranges.

use loggia_model::version::{Range, Version, Versioning, check, compare, is_below};
use std::cmp::Ordering;

/// A version that is one.
fn version(text: &str) -> Version {
    Version::parse(text).expect("a version")
}

#[test]
fn versions_are_in_order() {
    let rising = [
        "0.9",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-rc9",
        "1.0.0-rc10",
        "1.0.0",
        "1.2",
        "1.10",
        "14.8",
        "15rc1",
        "15",
        "15.2",
        "v16",
        "2025-12-31",
        "2026-01-05",
        "2026.4",
        "2026.10",
    ];
    for pair in rising.windows(2) {
        assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
    }
    for (a, b) in [
        ("15", "15.0"),
        ("v2", "2.0.0"),
        ("15.4 (Debian 15.4-1.pgdg110+1)", "15.4"),
        ("1.2.3+build", "1.2.3"),
        ("2026.04", "2026.4"),
    ] {
        assert_eq!(version(a), version(b));
    }
    assert!(
        Version::parse("latest").is_none()
            && Version::parse("").is_none()
            && Version::parse("99999999999999999999999").is_none()
    );
    assert_eq!(is_below("14.8", "15"), Some(true));
    assert_eq!(is_below("15.2", "15"), Some(false));
    assert_eq!(is_below("latest", "15"), None);
}

#[test]
fn ranges_contain_what_they_say() {
    let cases = [
        (">=15", "15 15.2 16", "14.8"),
        ("2", "2 2.9.1 2.0.0-rc1", "1.9 3"),
        ("1.x", "1 1.9", "2 0.1"),
        ("1.2.*", "1.2 1.2.7", "1.3"),
        ("~1.4", "1.4 1.4.9", "1.3 1.5"),
        ("~1.4.2", "1.4.2 1.4.9", "1.4.1 1.5"),
        ("^1.2", "1.2 1.9", "1.1 2 2.0.0-rc1"),
        ("^0.3", "0.3 0.3.9", "0.4"),
        (">=14 <16", "14 15.9", "13 16"),
        (">= 14, < 16", "14 15.9", "13 16"),
        ("14 || 16", "14.1 16.0", "15"),
        ("=1.2", "1.2 1.2.0", "1.2.1"),
        ("<=15", "14 15.2", "16"),
        (">15", "16", "15 15.2 14"),
        ("*", "0 1.2 v3", ""),
    ];
    for (range, inside, outside) in cases {
        let parsed = Range::parse(range).expect("a range");
        assert!(inside.split_whitespace().all(|v| parsed.contains(&version(v))), "{range}: {inside}");
        assert!(!outside.split_whitespace().any(|v| parsed.contains(&version(v))), "{range}: {outside}");
    }
    for bad in ["", " ", "newest", ">=", "1.x.2", "1 ||", "<>1"] {
        assert!(Range::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn offerings_write_versions_in_one_way() {
    let cases = [
        (Versioning::Semver, "2.1.0 1.0.0-rc.1", "2.1 v2.1.0 15 2026.04 2.01.0"),
        (Versioning::Calver, "2026.04 26.4.1 2026.4-rc1", "2026.13 2026 2026-04 2.1.0 2026.4-"),
        (Versioning::Dated, "2026-04-30", "2026-02-30 2026.04 26-04-30"),
    ];
    for (versioning, good, bad) in cases {
        assert!(good.split_whitespace().all(|text| check(versioning, text).is_ok()), "{versioning:?}: {good}");
        assert!(!bad.split_whitespace().any(|text| check(versioning, text).is_ok()), "{versioning:?}: {bad}");
    }
}
