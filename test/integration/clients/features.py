# SPDX-License-Identifier: Apache-2.0
"""The client table with a Python driver: place as JSON on stdin, `feature<TAB>ok|what went wrong`."""
import json
import sys
import threading
import time

driver = sys.argv[1]
place = json.load(sys.stdin)
secure = place.get("caFile") is not None
ENDLESS = "SELECT COUNT(*) FROM numbers a, numbers b, numbers c"

if driver == "pymysql":
    import pymysql

    def connect(**more):
        tls = {"ca": place["caFile"]} if secure else None
        if tls and place.get("certFile"):
            tls.update(cert=place["certFile"], key=place["keyFile"])
        return pymysql.connect(
            host=place["host"], port=place["port"], user=place["user"], password=place["password"],
            database="shop", ssl=tls, local_infile=True, charset=more.pop("charset", "utf8mb4"),
            max_allowed_packet=64 << 20, autocommit=True, **more)
else:
    import mysql.connector

    def connect(**more):
        login = dict(host=place["host"], port=place["port"], user=place["user"],
                     password=place["password"], database="shop", allow_local_infile=True,
                     charset="utf8mb4", collation="utf8mb4_general_ci", autocommit=True)
        if not secure:
            login["ssl_disabled"] = True
        else:
            login.update(ssl_ca=place["caFile"], ssl_verify_cert=True)
            if place.get("certFile"):
                login.update(ssl_cert=place["certFile"], ssl_key=place["keyFile"])
            if place.get("clear"):
                login["auth_plugin"] = "mysql_clear_password"
        login.update(more)
        return mysql.connector.connect(**login)


def rows(connection, sql, parameters=None, **options):
    cursor = connection.cursor(**options)
    cursor.execute(sql, parameters)
    found = [tuple(row) for row in cursor.fetchall()] if cursor.description else cursor.rowcount
    cursor.close()
    return found


def same(seen, wanted):
    if seen != wanted:
        raise AssertionError(f"{seen!r} instead of {wanted!r}")


def text(c):
    same(rows(c, "SELECT 1, 'a', NULL"), [(1, "a", None)])


def prepared(c):
    same(rows(c, "SELECT ? + 1, ?", (41, "b"), prepared=True), [(42, "b")])


def results(c):
    cursor = c.cursor()
    if driver == "pymysql":
        cursor.execute("CALL several()")
        count = 1
        while cursor.nextset():
            count += 1
        same(count, 4)
    else:
        cursor.callproc("several")
        same(len(list(cursor.stored_results())), 3)
    cursor.close()


def transactions(c):
    rows(c, "START TRANSACTION")
    rows(c, "INSERT INTO things (k) VALUES ('gone')")
    c.rollback()
    same(rows(c, "SELECT COUNT(*) FROM things WHERE k = 'gone'"), [(0,)])


def charset(c):
    same(rows(c, "SELECT '\u20ac\U0001f600', HEX('\u20ac')"), [("\u20ac\U0001f600", "E282AC")])
    rows(c, "SET NAMES latin1")
    same(rows(c, "SELECT @@character_set_client"), [("latin1",)])
    rows(c, "SET NAMES utf8mb4")


def reset(c):
    rows(c, "SET @a = 1")
    c.cmd_reset_connection()
    same(rows(c, "SELECT @a, DATABASE()")[0][0], None)


def big(c):
    same(rows(c, "SELECT LENGTH('" + "x" * (20 << 20) + "')"), [(20 << 20,)])


def cancel(c):
    other = connect()
    number = rows(other, "SELECT CONNECTION_ID()")[0][0]
    failures = []

    def work():
        try:
            rows(other, ENDLESS)
        except Exception as error:  # whatever the driver raises
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    rows(c, f"KILL QUERY {number}")
    thread.join(20)
    same(len(failures), 1)
    same(rows(other, "SELECT 2"), [(2,)])
    other.close()


def infile(c):
    load = f"LOAD DATA LOCAL INFILE '{place['file']}' INTO TABLE things FIELDS TERMINATED BY ',' (k, v)"
    same(rows(c, load), 2)


def compress(c):
    # This connector cannot read a packet that is spread over three compressed ones.
    other = connect(compress=True)
    same(rows(other, "SELECT REPEAT('z', 5000)"), [("z" * 5000,)])
    same(rows(other, "SELECT LENGTH('" + "y" * 200000 + "')"), [(200000,)])
    same(rows(other, "SELECT @@version_comment")[0][0] != "", True)
    other.close()


def attributes(c):
    cursor = c.cursor()
    cursor.add_attribute("client_table", place["mark"])
    cursor.execute("SELECT 1")
    cursor.fetchall()
    cursor.close()


FEATURES = {"text": text, "several results": results, "transactions": transactions,
            "character sets": charset, "over 16 MB": big, "cancel": cancel, "LOCAL INFILE": infile}
if driver != "pymysql":
    FEATURES.update({"prepared": prepared, "reset": reset, "compression": compress,
                     "query attributes": attributes})

connection = connect()
for name, run in FEATURES.items():
    try:
        run(connection)
        print(f"{name}\tok")
    except Exception as error:  # a row of the table
        print(f"{name}\t{type(error).__name__}: {error}"[:500].replace("\n", " "))
connection.close()
