//! What is to be taken away where the program ends by a panic. A release build does not unwind, so that no `Drop` runs then;
//! the hook of the program, which runs on the thread that panics, asks here.

use std::{cell::RefCell, rc::Rc};

thread_local! {
    static TO_DO: RefCell<Vec<Rc<dyn Fn()>>> = const { RefCell::new(Vec::new()) };
}

/// As long as it lives, a panic of this thread has something taken away.
pub(super) struct OnPanic(());

/// Has `sweep` done if this thread panics while the answer lives. Nested ones are done the last first.
pub(super) fn on_panic(sweep: impl Fn() + 'static) -> OnPanic {
    TO_DO.with_borrow_mut(|to_do| to_do.push(Rc::new(sweep)));
    OnPanic(())
}

impl Drop for OnPanic {
    fn drop(&mut self) {
        TO_DO.with_borrow_mut(Vec::pop);
    }
}

/// Takes away what this thread has made and not yet removed. For the hook of panics.
pub fn take_away() {
    // Each is taken out before it is done: a panic in one must not have it done again.
    while let Some(sweep) = TO_DO.try_with(|to_do| to_do.try_borrow_mut().ok()?.pop()).ok().flatten() {
        sweep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_is_still_there_is_taken_away_once() {
        let done = Rc::new(Cell::new(0));
        let sweep = |by: u32| {
            let done = Rc::clone(&done);
            move || done.set(done.get() * 10 + by)
        };
        let _first = on_panic(sweep(1));
        drop(on_panic(sweep(2)));
        let _third = on_panic(sweep(3));
        take_away();
        take_away();
        assert_eq!(done.get(), 31);
    }
}
