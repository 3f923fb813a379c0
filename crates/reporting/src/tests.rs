//! Tests that span several modules: limits, properties, published attacks and vectors.

mod about;
mod devices;
mod files;
mod format_1;
mod golden;
mod groups;
mod later;
mod limits;
mod properties;
mod salamander;
mod vectors;
pub(crate) mod world;

/// Every public item, for tests that follow a message through several roles.
pub(crate) mod all {
    pub(crate) use crate::*;
    pub(crate) use crate::{
        intake::*, limits::*, message::*, recipient::*, relay::*, reporter::*, reviewer::*,
        sender::*, vault::*,
    };
}
