-- Messages no longer name their conversation as a foreign key.
--
-- Whoever stores a message has found its conversation in the same transaction, so that looking it up again for each row
-- proved nothing, and it made SQLite copy every page that a batch touches, to be able to undo the one statement. The text
-- of the table's definition is all that changes (https://www.sqlite.org/lang_altertable.html#otheralter): no row is moved.

PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(sql, ' REFERENCES conversations (id)', '')
WHERE type = 'table' AND name = 'messages';

-- Reads the definitions again, and ends the permission to write them.
PRAGMA writable_schema = RESET;

-- Tells connections that are open elsewhere to do the same.
CREATE TABLE definitions_changed (id BIGINT);
DROP TABLE definitions_changed;
