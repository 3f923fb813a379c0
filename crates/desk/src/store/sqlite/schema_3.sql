-- The columns and the index that version 3 adds to the tables of versions 1 and 2.

-- Digest of what was shown. NULL: never shown, or shown by version 2.
ALTER TABLE openings ADD COLUMN view_digest BLOB;

-- How many bytes of the blob were handed out, from its start without a gap.
ALTER TABLE fetches ADD COLUMN handed_out INTEGER NOT NULL DEFAULT 0;
CREATE INDEX fetches_of_blob ON fetches (blob, log_index);
