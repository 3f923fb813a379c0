-- The column that version 4 adds to the tables of versions 1 to 3.

-- The reporter's account, who is told of a decision. NULL: rejected or erased. Rows of earlier
-- versions get it from what is in contents.
ALTER TABLE reports ADD COLUMN reporter_account TEXT;
