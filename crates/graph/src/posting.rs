//! Sets of record numbers, kept in the form that suits their size.

use roaring::RoaringBitmap;
use std::borrow::Cow;
use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

/// Above this many numbers a set is a bitmap: a bitmap of one number takes 231 bytes, a list of 256 takes 1 kB.
const FEW: usize = 256;

/// A set of numbers. Clones share what they can; a change copies only when it is shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Posting {
    #[default]
    Empty,
    One(u32),
    /// In ascending order, at most [`FEW`].
    Few(Arc<Vec<u32>>),
    Many(Arc<RoaringBitmap>),
}

impl Posting {
    /// The set of these numbers, which ascend.
    pub fn from_sorted(numbers: Vec<u32>) -> Posting {
        match numbers.as_slice() {
            [] => Posting::Empty,
            [one] => Posting::One(*one),
            list if list.len() <= FEW => Posting::Few(Arc::new(numbers)),
            _ => Posting::Many(Arc::new(bitmap(&numbers))),
        }
    }

    /// Adds a number; says whether it is new.
    pub fn insert(&mut self, number: u32) -> bool {
        match self {
            Posting::Empty => *self = Posting::One(number),
            Posting::One(one) if *one == number => return false,
            Posting::One(one) => *self = Posting::Few(Arc::new(vec![(*one).min(number), (*one).max(number)])),
            Posting::Few(list) => {
                let Err(at) = list.binary_search(&number) else { return false };
                if list.len() < FEW {
                    Arc::make_mut(list).insert(at, number);
                } else {
                    let mut many = bitmap(list);
                    many.insert(number);
                    *self = Posting::Many(Arc::new(many));
                }
            }
            Posting::Many(many) => {
                // Looking first spares the copy of a shared set.
                let known = Arc::get_mut(many).is_none() && many.contains(number);
                return !known && Arc::make_mut(many).insert(number);
            }
        }
        true
    }

    /// Takes a number out; says whether it was there.
    pub fn remove(&mut self, number: u32) -> bool {
        match self {
            Posting::One(one) if *one == number => *self = Posting::Empty,
            Posting::Empty | Posting::One(_) => return false,
            Posting::Few(list) => {
                let Ok(at) = list.binary_search(&number) else { return false };
                Arc::make_mut(list).remove(at);
                if let [one] = list.as_slice() {
                    *self = Posting::One(*one);
                }
            }
            Posting::Many(many) => {
                if !many.contains(number) {
                    return false;
                }
                let many = Arc::make_mut(many);
                many.remove(number);
                // Half of the limit, so that a set at the limit does not change its form with every change.
                if many.len() <= FEW as u64 / 2 {
                    *self = Posting::from_sorted(many.iter().collect());
                }
            }
        }
        true
    }

    /// How many numbers there are.
    pub fn len(&self) -> u64 {
        match self {
            Posting::Empty => 0,
            Posting::One(_) => 1,
            Posting::Few(list) => list.len() as u64,
            Posting::Many(many) => many.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        matches!(self, Posting::Empty) || self.len() == 0
    }

    /// How many of the numbers are in the bitmap.
    pub fn common(&self, other: &RoaringBitmap) -> u64 {
        match self {
            Posting::Empty => 0,
            Posting::One(one) => u64::from(other.contains(*one)),
            Posting::Few(list) => list.iter().filter(|number| other.contains(**number)).count() as u64,
            Posting::Many(many) => many.intersection_len(other),
        }
    }

    /// The set as a bitmap.
    pub fn bitmap(&self) -> Cow<'_, RoaringBitmap> {
        match self {
            Posting::Empty => Cow::Owned(RoaringBitmap::new()),
            Posting::One(one) => Cow::Owned(bitmap(&[*one])),
            Posting::Few(list) => Cow::Owned(bitmap(list)),
            Posting::Many(many) => Cow::Borrowed(many),
        }
    }

    /// Adds all numbers to a bitmap.
    pub fn add_to(&self, set: &mut RoaringBitmap) {
        match self {
            Posting::Empty => {}
            Posting::One(one) => {
                set.insert(*one);
            }
            Posting::Few(list) => set.extend(list.iter()),
            Posting::Many(many) => *set |= many.as_ref(),
        }
    }

    /// Calls `take` for each number, ascending.
    pub fn each(&self, mut take: impl FnMut(u32)) {
        match self {
            Posting::Empty => {}
            Posting::One(one) => take(*one),
            Posting::Few(list) => list.iter().copied().for_each(take),
            Posting::Many(many) => many.iter().for_each(take),
        }
    }

    /// Calls `take` for each number in the range, ascending.
    pub fn each_in(&self, range: RangeInclusive<u32>, mut take: impl FnMut(u32)) {
        match self {
            Posting::Empty => {}
            Posting::One(one) => {
                if range.contains(one) {
                    take(*one);
                }
            }
            Posting::Few(list) => {
                let from = list.partition_point(|number| number < range.start());
                list[from..].iter().copied().take_while(|number| number <= range.end()).for_each(take);
            }
            Posting::Many(many) => {
                let bounds = (Bound::Included(*range.start()), Bound::Included(*range.end()));
                many.range(bounds).for_each(take);
            }
        }
    }

    /// The same set under other numbers, without spare room.
    pub fn renumbered(&self, new: &impl Fn(u32) -> u32) -> Posting {
        if let Posting::One(one) = self {
            return Posting::One(new(*one));
        }
        let mut numbers = Vec::with_capacity(usize::try_from(self.len()).unwrap_or_default());
        self.each(|number| numbers.push(new(number)));
        numbers.sort_unstable();
        Posting::from_sorted(numbers)
    }
}

/// A bitmap of ascending numbers.
fn bitmap(numbers: &[u32]) -> RoaringBitmap {
    numbers.iter().copied().collect()
}
