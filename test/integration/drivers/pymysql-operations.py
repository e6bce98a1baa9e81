# SPDX-License-Identifier: Apache-2.0
"""The driver matrix with PyMySQL: reads a place as JSON from stdin, prints results by feature."""
import datetime
import decimal
import hashlib
import json
import re
import sys

import pymysql
from pymysql.constants import CLIENT

LARGE = 20 * 1024 * 1024
place = json.load(sys.stdin)
results = {}


def plain(value):
    if isinstance(value, (bytes, str)) and len(value) > 200:
        data = value.encode() if isinstance(value, str) else value
        return f"{len(value)}:{hashlib.sha256(data).hexdigest()[:16]}"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (decimal.Decimal, datetime.date, datetime.timedelta, set)):
        return f"{type(value).__name__} {sorted(value) if isinstance(value, set) else value}"
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value


def seen(cursor):
    """Everything a program can see of an answer."""
    return {
        "rows": plain(cursor.fetchall()),
        "columns": cursor.description,
        "affected": cursor.rowcount,
        "id": cursor.lastrowid,
        "warnings": cursor._result.warning_count,
        "info": (cursor._result.message or b"").decode(),
    }


def run(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        answers = [seen(cursor)]
        while cursor.nextset():
            answers.append(seen(cursor))
        return answers


def failure(connection, sql):
    try:
        return run(connection, sql)
    except pymysql.Error as error:
        number, text = error.args
        return [type(error).__name__, number, re.sub(r"user '[^']*'@'[^']*'", "user", text)]


def unbuffered(connection):
    count, digest = 0, hashlib.sha256()
    with connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute("SELECT n, pad FROM numbers ORDER BY n")
        for row in cursor:
            count += 1
            digest.update(repr(row).encode())
    return [count, digest.hexdigest()]


def given_up(connection):
    """A result that is not read to its end; the driver reads on before the next statement."""
    with connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute("SELECT n FROM numbers")
        first = cursor.fetchone()
    return [first, run(connection, "SELECT 1")]


def transaction(connection):
    connection.begin()
    run(connection, "INSERT INTO things (k) VALUES ('python')")
    inside = run(connection, "SELECT COUNT(*) FROM things WHERE k = 'python'")
    connection.rollback()
    after = run(connection, "SELECT COUNT(*) FROM things WHERE k = 'python'")
    return [inside, after, connection.get_autocommit()]


def many(connection):
    with connection.cursor() as cursor:
        rows = [(f"m{n}", n) for n in range(50)]
        cursor.executemany("INSERT INTO things (k, n) VALUES (%s, %s)", rows)
        return [cursor.rowcount, cursor.lastrowid]


def databases(connection):
    connection.select_db("information_schema")
    first = run(connection, "SELECT DATABASE()")
    connection.select_db("shop")
    return [first, run(connection, "SELECT DATABASE(), COUNT(*) FROM orders")]


def procedure(connection):
    with connection.cursor() as cursor:
        cursor.callproc("several")
        answers = [seen(cursor)]
        while cursor.nextset():
            answers.append(seen(cursor))
        return answers


OPERATIONS = {
    "text query": lambda c: run(c, "SELECT 1 AS one, 'text' AS s, NULL AS n, 1.50 AS d"),
    "every type": lambda c: run(c, "SELECT * FROM types ORDER BY id"),
    "parameters": lambda c: run(
        c,
        "SELECT %s, %s, %s, %s, %s, %s",
        (42, -1.25, "it's \\ \u20ac \U0001f600", None, b"bytes '\\", datetime.datetime(2026, 2, 3)),
    ),
    "insert id, affected rows": lambda c: run(
        c, "INSERT INTO things (k, v) VALUES ('a', '\U0001f600'), ('b', '2')"
    ),
    "blob": lambda c: [
        run(c, "INSERT INTO things (k, b) VALUES ('blob', %s)", (bytes(range(256)) * 2000,)),
        run(c, "SELECT b FROM things WHERE k = 'blob'"),
    ],
    "many rows at once": many,
    "duplicate key": lambda c: failure(c, "INSERT INTO things (k) VALUES ('a')"),
    "unknown column": lambda c: failure(c, "SELECT nothing FROM things"),
    "warnings": lambda c: [
        run(c, "INSERT IGNORE INTO things (id, k, n) VALUES (900, 'w', 'no number')"),
        c.show_warnings(),
    ],
    "empty result": lambda c: run(c, "SELECT id FROM things WHERE FALSE"),
    "several results": lambda c: run(c, "CALL several()"),
    "procedure": procedure,
    "transaction": transaction,
    "100,000 rows, unbuffered": unbuffered,
    "a result given up": given_up,
    "20 MB parameter": lambda c: run(c, "SELECT LENGTH(%s), MD5(%s)", ("p" * LARGE, "q" * LARGE)),
    "20 MB value": lambda c: run(c, f"SELECT REPEAT('v', {LARGE})"),
    "use a database": databases,
    "ping": lambda c: c.ping(reconnect=False),
    "character set": lambda c: [c.set_charset("utf8mb4"), run(c, "SELECT 'caf\u00e9 \U0001f600'")],
    "server information": lambda c: c.get_server_info(),
}

connection = pymysql.connect(
    host=place["host"],
    port=place["port"],
    user=place["user"],
    password=place["password"],
    database="shop",
    charset="utf8mb4",
    max_allowed_packet=64 * 1024 * 1024,
    client_flag=CLIENT.FOUND_ROWS,
    ssl_ca=place.get("caFile"),
)
for feature, operation in OPERATIONS.items():
    results[feature] = operation(connection)
connection.close()
json.dump(results, sys.stdout)
