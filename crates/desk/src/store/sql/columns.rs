//! Fields of rows as columns of a database.

use std::borrow::Cow;

use crate::store::rows::{CaseStatus, ExportState, GrantState};

/// A value in a column, or for a parameter of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Integer(i64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    /// A value that no desk writes.
    Other,
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Text,
    Bytes,
}

/// A field that is one column.
pub(crate) trait Column: Sized {
    /// What the column holds.
    const KIND: Kind;
    /// Whether the column may hold nothing.
    const IS_OPTIONAL: bool = false;

    /// The value to write.
    fn write(&self) -> Value<'_>;
    /// Reads a value of at most `longest` bytes. `None` if it is of another type or too long, so
    /// nothing is allocated for it.
    fn read(value: &Value<'_>, longest: usize) -> Option<Self>;
}

/// A number for a statement. `bounds` refuses numbers that do not fit; a limit of a query that does
/// not fit is above all of them.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// For a list without a position to go on after: no number is smaller.
const FROM_START: i64 = -1;

/// Time and identifier after which a list goes on.
pub(super) fn position(after: Option<(u64, [u8; 16])>) -> (Value<'static>, [u8; 16]) {
    let (time, id) = after.map_or((FROM_START, [0; 16]), |(time, id)| (int(time), id));
    (Value::Integer(time), id)
}

/// The log's index after which a list goes on.
pub(super) fn index(after: Option<u64>) -> Value<'static> {
    Value::Integer(after.map_or(FROM_START, int))
}

macro_rules! integers {
    ($($integer:ty),+) => {
        $(impl Column for $integer {
            const KIND: Kind = Kind::Integer;
            fn write(&self) -> Value<'_> {
                Value::Integer(int(u64::from(*self)))
            }
            fn read(value: &Value<'_>, _: usize) -> Option<Self> {
                match value {
                    Value::Integer(number) => (*number).try_into().ok(),
                    _ => None,
                }
            }
        })+
    };
}
integers!(u8, u16, u32, u64);

impl Column for bool {
    const KIND: Kind = Kind::Integer;
    fn write(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
    fn read(value: &Value<'_>, _: usize) -> Option<Self> {
        match value {
            Value::Integer(0) => Some(false),
            Value::Integer(1) => Some(true),
            _ => None,
        }
    }
}

impl<const N: usize> Column for [u8; N] {
    const KIND: Kind = Kind::Bytes;
    fn write(&self) -> Value<'_> {
        Value::Bytes(self)
    }
    fn read(value: &Value<'_>, _: usize) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => (*bytes).try_into().ok(),
            _ => None,
        }
    }
}

impl Column for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    fn write(&self) -> Value<'_> {
        Value::Bytes(self)
    }
    fn read(value: &Value<'_>, longest: usize) -> Option<Self> {
        match value {
            Value::Bytes(bytes) if bytes.len() <= longest => Some(bytes.to_vec()),
            _ => None,
        }
    }
}

impl Column for String {
    const KIND: Kind = Kind::Text;
    fn write(&self) -> Value<'_> {
        Value::text(self)
    }
    fn read(value: &Value<'_>, longest: usize) -> Option<Self> {
        match value {
            Value::Text(text) if text.len() <= longest => Some(text.to_string()),
            _ => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    const KIND: Kind = T::KIND;
    const IS_OPTIONAL: bool = true;
    fn write(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Column::write)
    }
    fn read(value: &Value<'_>, longest: usize) -> Option<Self> {
        match value {
            Value::Null => Some(None),
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
            const KIND: Kind = Kind::Text;
            fn write(&self) -> Value<'_> {
                Value::text(self.name())
            }
            fn read(value: &Value<'_>, _: usize) -> Option<Self> {
                match value {
                    Value::Text(text) => match &**text {
                        $($name => Some(Self::$variant),)+
                        _ => None,
                    },
                    _ => None,
                }
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
