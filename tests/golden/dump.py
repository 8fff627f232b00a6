#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""A capture as SQL text, on stdout: tests/golden/dump.py FILE.mtd > tests/golden/NAME.sql

Captures are kept as text so that git can show what changed in one, and so that a change of the
schema cannot pass unnoticed: the reader takes only tables that are exactly its own. Unlike
sqlite3's .dump this keeps application_id and user_version, names the columns of each row, and
writes text with bytes that are not printable ASCII in hexadecimal.
"""
import sqlite3
import sys


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return repr(value)
    if value[0] == "blob":
        return f"x'{value[1].hex()}'"
    text = value[1]
    if all(0x20 <= byte < 0x7F for byte in text):
        return "'" + text.decode().replace("'", "''") + "'"
    return f"CAST(x'{text.hex()}' AS TEXT)"


def dump(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    db.text_factory = lambda raw: ("text", raw)
    for pragma in ("application_id", "user_version"):
        print(f"PRAGMA {pragma}={db.execute(f'PRAGMA {pragma}').fetchone()[0]};")
    print("BEGIN;")
    for (_, name), (_, sql) in db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name"):
        print(f"{sql.decode()};")
        rows = db.execute(f"SELECT * FROM {name.decode()}")
        columns = [column[0] for column in rows.description]
        for row in rows:
            values = [("blob", v) if isinstance(v, bytes) else v for v in row]
            print(f"INSERT INTO {name.decode()} ({', '.join(columns)})\n"
                  f"  VALUES ({', '.join(literal(v) for v in values)});")
    print("COMMIT;")


if len(sys.argv) != 2:
    sys.exit(__doc__)
dump(sys.argv[1])
