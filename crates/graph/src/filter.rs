//! The one grammar of filters: `spec.team=group:default/booking,spec.step=managed`.

use crate::Predicate;

impl Predicate {
    /// Reads a filter: all of it, where values of the same key stand side by side; a key alone asks that it is there.
    pub fn filter(text: &str) -> Predicate {
        let mut keys: Vec<(&str, Vec<String>)> = Vec::new();
        for part in text.split(',') {
            let (key, value) = part.split_once('=').map_or((part, None), |(key, value)| (key, Some(value)));
            let key = key.trim();
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, values)) => values.extend(value.map(str::to_owned)),
                None => keys.push((key, value.map(str::to_owned).into_iter().collect())),
            }
        }
        let one = |(key, values): (&str, Vec<String>)| {
            // What the server says of a record stands beside the text in answers and below `status` in the index.
            let key = key.strip_prefix("document.").unwrap_or(key);
            if values.is_empty() { Predicate::exists(key) } else { Predicate::In(key.to_owned(), values) }
        };
        Predicate::All(keys.into_iter().map(one).collect())
    }

    /// Reads several filters: at least one of them; everything when there are none.
    pub fn filters<'a>(texts: impl Iterator<Item = &'a str>) -> Predicate {
        let all: Vec<Predicate> = texts.map(Predicate::filter).collect();
        if all.is_empty() { Predicate::Everything } else { Predicate::Any(all) }
    }
}

#[cfg(test)]
mod tests {
    use crate::Predicate;

    #[test]
    fn values_of_a_key_stand_side_by_side_and_filters_beside_each_other() {
        let read = Predicate::filter("spec.a=1,spec.b, spec.a=2");
        let two = Predicate::In("spec.a".into(), vec!["1".into(), "2".into()]);
        assert_eq!(read, Predicate::All(vec![two, Predicate::exists("spec.b")]));
        assert_eq!(Predicate::filters(std::iter::empty()), Predicate::Everything);
        assert!(matches!(Predicate::filters(["a=1", "b=2"].into_iter()), Predicate::Any(all) if all.len() == 2));
    }
}
