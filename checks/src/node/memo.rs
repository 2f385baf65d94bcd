//! Remembers one value of each type, so that a fact is computed once and the node need not know which facts
//! there are.

use std::{any::Any, cell::OnceCell};

/// One value of each type, kept as long as the memo itself. Nothing is ever taken out, so that references stay
/// good while more is added. A node has about a dozen facts: a list is searched faster than a map.
#[derive(Default)]
pub(super) struct Memo {
    first: Link,
}

type Link = OnceCell<Box<Slot>>;

struct Slot {
    value: Box<dyn Any>,
    next: Link,
}

impl Memo {
    /// The value of type `T`, made by `make` when it is asked for the first time. `make` may ask for others.
    pub(super) fn get_or_init<T: Any>(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let value: Box<dyn Any> = Box::new(make());
        let mut link = &self.first;
        while let Some(slot) = link.get() {
            link = &slot.next;
        }
        let slot = link.get_or_init(|| Box::new(Slot { value, next: OnceCell::new() }));
        let Some(value) = slot.value.downcast_ref() else { unreachable!("it was just put there") };
        value
    }

    fn get<T: Any>(&self) -> Option<&T> {
        let mut link = &self.first;
        while let Some(slot) = link.get() {
            if let Some(value) = slot.value.downcast_ref() {
                return Some(value);
            }
            link = &slot.next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_made_once_and_may_ask_for_another() {
        let memo = Memo::default();
        let text: &String = memo.get_or_init(|| format!("{} kept", memo.get_or_init(|| 7_u32)));
        assert_eq!(text, "7 kept");
        assert_eq!(*memo.get_or_init(|| -> u32 { panic!("made twice") }), 7);
        assert_eq!(memo.get_or_init(|| -> String { panic!("made twice") }), "7 kept");
    }
}
