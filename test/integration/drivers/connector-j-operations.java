// SPDX-License-Identifier: Apache-2.0
// The driver matrix with MariaDB Connector/J: host, port, user, password and CA file ("" for no TLS)
// as lines on standard input; prints one line per feature, `feature<TAB>result`.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Timestamp;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Properties;

class ConnectorOperations {
  interface Operation {
    String run() throws Exception;
  }

  static final int LARGE = 20 * 1024 * 1024;

  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    String url = "jdbc:mariadb://" + input.readLine() + ":" + input.readLine() + "/shop";
    Properties login = new Properties();
    login.setProperty("user", input.readLine());
    login.setProperty("password", input.readLine());
    String ca = input.readLine();
    if (!ca.isEmpty()) {
      login.setProperty("useSsl", "true");
      login.setProperty("serverSslCert", ca);
    }
    // Server-side prepared statements: the binary protocol, and cursors with a fetch size.
    login.setProperty("useServerPrepStmts", "true");
    login.setProperty("useBulkStmts", "true");
    try (Connection connection = DriverManager.getConnection(url, login)) {
      operations(connection);
    }
  }

  static void operations(Connection c) throws Exception {
    feature("text query", () -> query(c, "SELECT 1 AS one, 'text' AS s, NULL AS n, 1.50 AS d"));
    feature("every type", () -> query(c, "SELECT * FROM types ORDER BY id"));
    feature("every type, prepared", () -> prepared(c, "SELECT * FROM types ORDER BY id"));
    feature("parameters", () -> prepared(c, "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f",
        42, -1.25, "it's \\ \u20ac \ud83d\ude00", null, new byte[] {0, -1, 39, 92},
        Timestamp.valueOf("2026-02-03 04:05:06.789")));
    feature("insert id, affected rows", () -> insert(c));
    feature("batch", () -> batch(c));
    feature("duplicate key", () -> failure(() -> update(c, "INSERT INTO things (k) VALUES ('a')")));
    feature("unknown column", () -> failure(() -> query(c, "SELECT nothing FROM things")));
    feature("warnings", () -> warnings(c));
    feature("empty result", () -> prepared(c, "SELECT id FROM things WHERE id = ?", -1));
    feature("several results", () -> several(c));
    feature("transaction", () -> transaction(c));
    feature("100,000 rows, cursor", () -> cursor(c, 1_000));
    feature("a cursor given up", () -> givenUp(c));
    feature("20 MB parameter", () -> prepared(c, "SELECT LENGTH(?) AS l, MD5(?) AS m",
        "p".repeat(LARGE), "q".repeat(LARGE)));
    feature("20 MB value", () -> query(c, "SELECT REPEAT('v', " + LARGE + ") AS v"));
    feature("use a database", () -> {
      c.setCatalog("information_schema");
      String first = c.getCatalog() + query(c, "SELECT DATABASE() AS d");
      c.setCatalog("shop");
      return first + query(c, "SELECT DATABASE() AS d, COUNT(*) AS n FROM orders");
    });
    feature("ping", () -> String.valueOf(c.isValid(5)));
    feature("read only, isolation", () -> {
      c.setReadOnly(true);
      c.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
      String seen = c.getTransactionIsolation() + query(c, "SELECT 1 AS a");
      c.setReadOnly(false);
      return seen;
    });
    feature("metadata", () -> rows(c.getMetaData().getColumns("shop", null, "things", "%")));
    feature("version", () -> c.getMetaData().getDatabaseProductVersion());
  }

  static void feature(String name, Operation operation) throws Exception {
    String text = operation.run();
    if (text.length() > 100_000) text = text.length() + ":" + hash(text.getBytes("UTF-8"));
    System.out.println(name + "\t" + text.replace("\\", "\\\\").replace("\n", "\\n"));
  }

  static String query(Connection c, String sql) throws Exception {
    try (Statement statement = c.createStatement()) {
      return rows(statement.executeQuery(sql));
    }
  }

  static String update(Connection c, String sql) throws Exception {
    try (Statement statement = c.createStatement()) {
      return String.valueOf(statement.executeUpdate(sql));
    }
  }

  static String prepared(Connection c, String sql, Object... parameters) throws Exception {
    try (PreparedStatement statement = c.prepareStatement(sql)) {
      for (int at = 0; at < parameters.length; at++) statement.setObject(at + 1, parameters[at]);
      return rows(statement.executeQuery());
    }
  }

  static String insert(Connection c) throws Exception {
    String sql = "INSERT INTO things (k, v) VALUES ('a', 'caf\u00e9'), ('b', '2'), ('c', NULL)";
    try (Statement statement = c.createStatement()) {
      int count = statement.executeUpdate(sql, Statement.RETURN_GENERATED_KEYS);
      return count + " " + rows(statement.getGeneratedKeys());
    }
  }

  static String batch(Connection c) throws Exception {
    String sql = "INSERT INTO things (k, n) VALUES (?, ?)";
    try (PreparedStatement statement = c.prepareStatement(sql)) {
      for (int n = 0; n < 100; n++) {
        statement.setString(1, "batch" + n);
        statement.setInt(2, n);
        statement.addBatch();
      }
      int sum = Arrays.stream(statement.executeBatch()).map(count -> count == -2 ? 1 : count).sum();
      return sum + query(c, "SELECT COUNT(*) AS n, SUM(n) AS s FROM things WHERE k LIKE 'batch%'");
    }
  }

  static String warnings(Connection c) throws Exception {
    try (Statement statement = c.createStatement()) {
      statement.executeUpdate("INSERT IGNORE INTO things (id, k, n) VALUES (900, 'w', 'no number')");
      return query(c, "SHOW WARNINGS");
    }
  }

  static String several(Connection c) throws Exception {
    StringBuilder seen = new StringBuilder();
    try (PreparedStatement statement = c.prepareStatement("CALL several()")) {
      boolean isRows = statement.execute();
      while (isRows || statement.getUpdateCount() != -1) {
        seen.append(isRows ? rows(statement.getResultSet()) : "updated " + statement.getUpdateCount());
        isRows = statement.getMoreResults();
      }
    }
    return seen.toString();
  }

  static String transaction(Connection c) throws Exception {
    c.setAutoCommit(false);
    update(c, "INSERT INTO things (id, k) VALUES (950, 'kept')");
    Savepoint before = c.setSavepoint();
    update(c, "DELETE FROM things WHERE id = 950");
    c.rollback(before);
    c.commit();
    update(c, "DELETE FROM things WHERE id = 950");
    c.rollback();
    c.setAutoCommit(true);
    return query(c, "SELECT id, k FROM things WHERE id = 950");
  }

  static String cursor(Connection c, int fetchSize) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    int count = 0;
    try (PreparedStatement statement = c.prepareStatement("SELECT n, pad FROM numbers ORDER BY n")) {
      statement.setFetchSize(fetchSize);
      ResultSet rows = statement.executeQuery();
      for (; rows.next(); count++) digest.update((rows.getInt(1) + rows.getString(2)).getBytes());
    }
    return count + " " + HexFormat.of().formatHex(digest.digest());
  }

  static String givenUp(Connection c) throws Exception {
    try (PreparedStatement statement = c.prepareStatement("SELECT n FROM numbers ORDER BY n")) {
      statement.setFetchSize(100);
      ResultSet rows = statement.executeQuery();
      rows.next();
      return rows.getInt(1) + query(c, "SELECT 1 AS a");
    }
  }

  static String failure(Operation operation) throws Exception {
    try {
      return operation.run();
    } catch (SQLException error) {
      String text = error.getMessage().replaceAll("\\(conn=-?\\d+\\) ?", "");
      return error.getErrorCode() + " " + error.getSQLState() + " " + text;
    }
  }

  static String rows(ResultSet rows) throws Exception {
    ResultSetMetaData columns = rows.getMetaData();
    StringBuilder seen = new StringBuilder("[");
    for (int at = 1; at <= columns.getColumnCount(); at++) {
      seen.append(columns.getColumnLabel(at)).append(' ').append(columns.getColumnTypeName(at))
          .append(' ').append(columns.getPrecision(at)).append(' ').append(columns.getScale(at))
          .append(' ').append(columns.isNullable(at)).append(columns.isAutoIncrement(at)).append(';');
    }
    while (rows.next()) {
      seen.append("\n");
      for (int at = 1; at <= columns.getColumnCount(); at++) seen.append(value(rows, at)).append('|');
    }
    return seen.append("]").toString();
  }

  static String value(ResultSet rows, int at) throws Exception {
    byte[] bytes = rows.getBytes(at);
    if (bytes == null) return rows.wasNull() ? "NULL" : "?";
    if (bytes.length > 200) return bytes.length + ":" + hash(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  static String hash(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes), 0, 8);
  }
}
