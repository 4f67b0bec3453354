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

/// Every word for a pre-release and every other one, in every way in which they are written behind a number.
#[test]
fn only_words_for_it_make_a_pre_release() {
    let before = ["alpha", "beta", "rc", "pre", "preview", "dev", "snapshot", "milestone", "nightly", "canary", "M1"];
    let variants = ["alpine", "bookworm", "R1", "slim", "gke.1200", "eks-5e0fdde", "log", "enterprise", "1.pgdg120"];
    let plain = version("15.0.0");
    for word in before.iter().flat_map(|word| [(*word).to_owned(), word.to_uppercase()]) {
        let forms = [format!("-{word}"), format!("-{word}.2"), format!("-{word}-alpine"), format!("+b1-{word}")];
        for (at, form) in forms.iter().enumerate() {
            let one = version(&format!("15.0.0{form}"));
            assert_eq!((one.is_pre_release(), one < plain), (at < 3, at < 3), "{one}");
        }
        assert_eq!(version(&format!("15.0.0-{word}-alpine")), version(&format!("15.0.0-{word}")), "{word}");
    }
    for word in variants.iter().flat_map(|word| [(*word).to_owned(), word.to_uppercase()]) {
        let one = version(&format!("15.0.0-{word}"));
        assert!(one == plain && !one.is_pre_release(), "{one}");
        assert!(version("15.0.1") > one && Range::parse(">=15").expect("a range").contains(&one), "{one}");
    }
    for (text, same) in [
        ("15-alpine", "15"),
        ("8.0.mysql_aurora.3.04.0", "8.0"),
        ("1.1.1w", "1.1.1"),
        ("18.x", "18"),
        ("15-alpine-3.19", "15"),
    ] {
        assert!(version(text) == version(same) && !version(text).is_pre_release(), "{text}");
    }
    let rising = ["1.0.0-2", "1.0.0-10", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0", "1.0.0-hotfix.1"];
    assert!(rising[..5].windows(2).all(|two| version(two[0]) < version(two[1])));
    assert_eq!(version(rising[4]), version(rising[5]));
    assert!(["3.12a1", "3.12b2", "15rc1", "15beta3"].iter().all(|text| version(text).is_pre_release()));
}

#[test]
fn a_month_is_no_number() {
    assert!(version("2026-05") > version("2026-04") && !version("2026-05").is_pre_release());
    assert_eq!(version("2026-05"), version("2026.5"));
    assert!(version("2026-13").is_pre_release(), "that is no month");
    for (range, tells, inside) in [
        (">=15", false, false),
        ("15", false, false),
        ("<3000", true, true),
        (">=2026-04", true, true),
        ("2026", true, true),
        ("<2026-04-30", true, false),
        ("*", true, true),
    ] {
        let range = Range::parse(range).expect("a range");
        assert_eq!(
            (range.speaks_of(&version("2026-05")), range.contains(&version("2026-05"))),
            (tells, inside),
            "{range:?}"
        );
    }
    let days = Range::parse(">=2026-04-30").expect("a range");
    assert!(!days.speaks_of(&version("15.2")) && !days.contains(&version("15.2")));
}
