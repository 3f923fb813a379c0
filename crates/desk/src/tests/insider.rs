//! What an insider may try: with the desk's database, with officers' keys, with the log's key, and
//! with the vault's own files. A test with the number of a check breaks exactly this check.

mod grants;
mod logs;
mod marks;
mod openings;
mod thieves;
