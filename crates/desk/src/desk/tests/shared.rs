//! A store that several desks share and that can be stopped: after a number of writes, every write
//! fails, as if the program had crashed after the last one that was durable.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::store::{reads, *};

/// What is to be done after this many reads.
type Interruption = (usize, Box<dyn FnOnce()>);

/// A store behind a handle. Copies of the handle are the same store.
#[derive(Clone)]
pub(crate) struct Shared {
    inner: Rc<RefCell<dyn Store>>,
    writes_left: Rc<Cell<usize>>,
    interruption: Rc<RefCell<Option<Interruption>>>,
    pub(crate) writes: Rc<Cell<usize>>,
}

impl Shared {
    pub(crate) fn new(store: impl Store + 'static) -> Self {
        Self {
            inner: Rc::new(RefCell::new(store)),
            writes_left: Rc::new(Cell::new(usize::MAX)),
            interruption: Rc::default(),
            writes: Rc::new(Cell::new(0)),
        }
    }

    /// Fails every write after this many further ones.
    pub(crate) fn stop_after(&self, writes: usize) {
        self.writes_left.set(writes);
    }

    /// Does something before the read that follows this many further ones, such as what another
    /// desk does.
    pub(crate) fn interrupt_after(&self, reads: usize, act: impl FnOnce() + 'static) {
        *self.interruption.borrow_mut() = Some((reads, Box::new(act)));
    }

    /// Whether what was to be done has been done.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.interruption.borrow().is_none()
    }

    fn before_read(&self) {
        let mut waiting = self.interruption.borrow_mut();
        match &mut *waiting {
            Some((0, _)) => {}
            Some((reads, _)) => {
                *reads -= 1;
                return;
            }
            None => return,
        }
        let act = waiting.take();
        drop(waiting); // what it does reads too
        if let Some((_, act)) = act {
            act();
        }
    }

    /// Writes as a thief of the store: around the desk.
    pub(crate) fn tamper(&self, changes: &[Change]) {
        self.inner.borrow_mut().apply(changes).unwrap();
    }
}

macro_rules! delegate {
    ($(fn $name:ident(&self $(, $arg:ident: $ty:ty)*) -> $out:ty;)*) => {
        $(fn $name(&self $(, $arg: $ty)*) -> Result<$out, StoreError> {
            self.before_read();
            self.inner.borrow().$name($($arg),*)
        })*
    };
}

impl Store for Shared {
    fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        if self.writes_left.get() == 0 {
            return Err(StoreError::InUse);
        }
        self.inner.borrow_mut().apply(changes)?;
        self.writes_left.set(self.writes_left.get() - 1);
        self.writes.set(self.writes.get() + 1);
        Ok(())
    }

    reads!(delegate);
}
