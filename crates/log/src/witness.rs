//! The witness protocol, without its transport. (C2SP tlog-witness)
