-- SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
-- In memory: rows, an index, a join, sorted groups.
CREATE TABLE word (line INTEGER, text TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
	INSERT INTO word SELECT i / 10, 'w' || (i * 7919 % 20011) FROM n;
CREATE INDEX word_text ON word (text);
SELECT count(*), sum(length(lines)) FROM
	(SELECT group_concat(line, ',') AS lines FROM word GROUP BY text ORDER BY text);
SELECT count(*) FROM word a JOIN word b ON a.text = b.text AND a.line < b.line;
