//! A vault in a process of its own: the desk's server never holds its keys.
