//! Sorting and collecting without code of its own for each type. The standard library's sort is compiled anew for each type that is
//! sorted, which takes 5 kB of the executable each time, and so does what collects into a `BTreeMap` or a `BTreeSet`. These are for what
//! is seldom sorted.

use std::cmp::Ordering;

/// Sorts as `slice::sort_by` does. What is sorted is where each item is to go, by one code for all types.
///
/// ```
/// let mut names = ["node10", "node2"];
/// relink_order::sort_by(&mut names, |one, other| one.len().cmp(&other.len()));
/// assert_eq!(names, ["node2", "node10"]);
/// ```
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let mut from: Vec<usize> = (0..items.len()).collect();
    sort_places(&mut from, &mut |one, other| compare(&items[one], &items[other]));
    for first in 0..from.len() {
        let mut at = first;
        // The item that belongs here; the one that was here goes where that came from, which is next.
        loop {
            let next = std::mem::replace(&mut from[at], at);
            if next == first {
                break;
            }
            items.swap(at, next);
            at = next;
        }
    }
}

#[inline(never)]
fn sort_places(places: &mut [usize], compare: &mut dyn FnMut(usize, usize) -> Ordering) {
    places.sort_by(|one, other| compare(*one, *other));
}

/// Collects into a map or a set, one item after the other.
///
/// ```
/// let lengths: std::collections::BTreeMap<_, _> = relink_order::gathered([("two", 3), ("three", 5)]);
/// assert_eq!(lengths["three"], 5);
/// ```
pub fn gathered<T, M: Default + Extend<T>>(items: impl IntoIterator<Item = T>) -> M {
    let mut all = M::default();
    all.extend(items);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_sorted_as_the_standard_library_sorts_them() {
        // A shuffle that is the same at each run, with many equal keys: their order must stay.
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for length in (0..40).chain([1000]) {
            let items: Vec<_> = (0..length).map(|at| (random() % 16, at.to_string())).collect();
            let (mut sorted, mut expected) = (items.clone(), items);
            sort_by(&mut sorted, |one, other| one.0.cmp(&other.0));
            expected.sort_by_key(|(key, _)| *key);
            assert_eq!(sorted, expected);
        }
    }
}
