-- The columns that version 3 adds to the tables of versions 1 and 2.

-- Digest of what was shown. NULL: never shown, or shown by version 2.
ALTER TABLE openings ADD COLUMN view_digest BLOB;
