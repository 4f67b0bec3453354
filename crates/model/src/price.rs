//! Prices together: what is made of parts costs what its parts cost.

use crate::kinds::offering::{Per, Price};
use std::collections::BTreeMap;

/// Digits after the point that are reckoned with.
const DIGITS: usize = 6;

/// Currency, what it is for, and the unit.
type Key = (String, u8, Option<String>);
/// What it is for, millionths, and digits after the point.
type Held = (Per, i128, usize);

/// A sum of prices for each currency and each thing that they are for, in order; amounts that are no numbers are left out.
pub fn sum<'a>(prices: impl IntoIterator<Item = &'a Price>) -> Vec<Price> {
    let mut all: BTreeMap<Key, Held> = BTreeMap::new();
    for price in prices {
        let Some((amount, digits)) = scaled(&price.amount) else { continue };
        let rank = match price.per {
            Per::Month => 0,
            Per::Hour => 1,
            Per::Unit => 2,
        };
        let key = (price.currency.clone(), rank, price.unit.clone());
        let held = all.entry(key).or_insert((price.per, 0, 0));
        *held = (price.per, held.1.saturating_add(amount), held.2.max(digits));
    }
    let one =
        |((currency, _, unit), (per, amount, digits))| Price { amount: words(amount, digits), currency, per, unit };
    all.into_iter().map(one).collect()
}

/// An amount in millionths, and how many digits it has after the point.
fn scaled(amount: &str) -> Option<(i128, usize)> {
    let (whole, rest) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = rest.len().min(DIGITS);
    let number: i128 = format!("{whole}{:0<DIGITS$}", &rest.get(..digits)?).parse().ok()?;
    Some((number, digits))
}

fn words(amount: i128, digits: usize) -> String {
    let one = 10_i128.pow(DIGITS as u32);
    let rest = format!("{:0DIGITS$}", amount % one);
    match digits {
        0 => (amount / one).to_string(),
        digits => format!("{}.{}", amount / one, &rest[..digits]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(amount: &str, per: Per) -> Price {
        Price { amount: amount.to_owned(), currency: "EUR".to_owned(), per, unit: None }
    }

    #[test]
    fn what_is_for_other_things_stands_for_itself() {
        let all =
            [price("9.90", Per::Month), price("0.005", Per::Hour), price("21", Per::Month), price("x", Per::Month)];
        assert_eq!(sum(&all), [price("30.90", Per::Month), price("0.005", Per::Hour)]);
        assert_eq!(sum(&[]), []);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_in_a_sum(cents in proptest::collection::vec(0_u32..1_000_000, 1..12)) {
            let all: Vec<Price> =
                cents.iter().map(|one| price(&format!("{}.{:02}", one / 100, one % 100), Per::Month)).collect();
            let whole: u32 = cents.iter().sum();
            let wanted = format!("{}.{:02}", whole / 100, whole % 100);
            prop_assert_eq!(sum(&all), vec![price(&wanted, Per::Month)]);
        }
    }
}
