//! Fields of rows as columns of SQLite.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use crate::store::rows::{CaseStatus, ExportState, GrantState};

/// A field that is one column.
pub(super) trait Column: Sized {
    /// The value to write.
    fn write(&self) -> ToSqlOutput<'_>;
    /// Reads a value of at most `longest` bytes. `None` if it is of another type or too long, so
    /// nothing is allocated for it.
    fn read(value: ValueRef<'_>, longest: usize) -> Option<Self>;
}

/// A number for a statement. `bounds` refuses numbers that do not fit; a limit of a query that does
/// not fit is above all of them.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

macro_rules! integers {
    ($($integer:ty),+) => {
        $(impl Column for $integer {
            fn write(&self) -> ToSqlOutput<'_> {
                ToSqlOutput::Owned(Value::Integer(int(u64::from(*self))))
            }
            fn read(value: ValueRef<'_>, _: usize) -> Option<Self> {
                value.as_i64().ok()?.try_into().ok()
            }
        })+
    };
}
integers!(u8, u16, u32, u64);

impl Column for bool {
    fn write(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Owned(Value::Integer(i64::from(*self)))
    }
    fn read(value: ValueRef<'_>, _: usize) -> Option<Self> {
        match value.as_i64().ok()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<const N: usize> Column for [u8; N] {
    fn write(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Blob(self))
    }
    fn read(value: ValueRef<'_>, _: usize) -> Option<Self> {
        value.as_blob().ok()?.try_into().ok()
    }
}

impl Column for Vec<u8> {
    fn write(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Blob(self))
    }
    fn read(value: ValueRef<'_>, longest: usize) -> Option<Self> {
        let bytes = value.as_blob().ok()?;
        (bytes.len() <= longest).then(|| bytes.to_vec())
    }
}

impl Column for String {
    fn write(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Text(self.as_bytes()))
    }
    fn read(value: ValueRef<'_>, longest: usize) -> Option<Self> {
        let text = value.as_str().ok()?;
        (text.len() <= longest).then(|| text.to_owned())
    }
}

impl<T: Column> Column for Option<T> {
    fn write(&self) -> ToSqlOutput<'_> {
        match self {
            Some(value) => value.write(),
            None => ToSqlOutput::Owned(Value::Null),
        }
    }
    fn read(value: ValueRef<'_>, longest: usize) -> Option<Self> {
        match value {
            ValueRef::Null => Some(None),
            value => T::read(value, longest).map(Some),
        }
    }
}

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal,)+ }) => {
        impl $type {
            /// Its name in SQL.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
        impl Column for $type {
            fn write(&self) -> ToSqlOutput<'_> {
                ToSqlOutput::Borrowed(ValueRef::Text(self.name().as_bytes()))
            }
            fn read(value: ValueRef<'_>, _: usize) -> Option<Self> {
                match value.as_str().ok()? { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
names!(CaseStatus { Open = "open", Waiting = "waiting", Decided = "decided", Closed = "closed", });
names!(GrantState {
    Requested = "requested",
    Approved = "approved",
    Denied = "denied",
    Expired = "expired",
});
names!(ExportState { Waiting = "waiting", Taken = "taken", GivenUp = "given_up", });
