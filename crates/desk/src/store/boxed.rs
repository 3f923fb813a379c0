//! A store whose engine is chosen when the program runs.

use super::calls::reads;
use super::*;

macro_rules! boxed {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $answer:ty;)*) => {
        impl<S: Store + ?Sized> Store for Box<S> {
            fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
                (**self).apply(changes)
            }
            $(fn $name(&self $(, $arg: $type)*) -> Result<$answer, StoreError> {
                (**self).$name($($arg),*)
            })*
            fn compact(&mut self) -> Result<(), StoreError> {
                (**self).compact()
            }
        }
    };
}
reads!(boxed);
