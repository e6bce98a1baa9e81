// SPDX-License-Identifier: Apache-2.0
// The client table with MariaDB Connector/J: host, port, user, password, CA file, key store, file to
// load as lines on standard input; prints `feature<TAB>ok|what went wrong`.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.Properties;

class ClientFeatures {
  interface Feature {
    void run() throws Exception;
  }

  static String url;
  static final Properties LOGIN = new Properties();
  static String file;

  static Connection open(String... more) throws Exception {
    Properties login = new Properties();
    login.putAll(LOGIN);
    for (int at = 0; at < more.length; at += 2) login.setProperty(more[at], more[at + 1]);
    return DriverManager.getConnection(url, login);
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    url = "jdbc:mariadb://" + input.readLine() + ":" + input.readLine() + "/shop";
    LOGIN.setProperty("user", input.readLine());
    LOGIN.setProperty("password", input.readLine());
    String ca = input.readLine();
    String keys = input.readLine();
    file = input.readLine();
    if (!ca.isEmpty()) {
      LOGIN.setProperty("useSsl", "true");
      LOGIN.setProperty("serverSslCert", ca);
    }
    if (!keys.isEmpty()) {
      LOGIN.setProperty("keyStore", keys);
      LOGIN.setProperty("keyStorePassword", "keys");
      LOGIN.setProperty("keyStoreType", "PKCS12");
    }
    LOGIN.setProperty("useServerPrepStmts", "true");
    LOGIN.setProperty("useBulkStmts", "true");
    LOGIN.setProperty("allowLocalInfile", "true");
    try (Connection c = open()) {
      feature("text", () -> same(one(c, "SELECT 'a'"), "a"));
      feature("prepared", () -> prepared(c));
      feature("cursor", () -> cursor(c));
      feature("several results", () -> several(c));
      feature("transactions", () -> transactions(c));
      feature("character sets", () -> same(one(c, "SELECT HEX('\u20ac')"), "E282AC"));
      feature("over 16 MB", () -> same(
          one(c, "SELECT LENGTH('" + "x".repeat(20 << 20) + "')"), String.valueOf(20 << 20)));
      feature("cancel", () -> cancel(c));
      feature("LOCAL INFILE", () -> {
        try (Statement s = c.createStatement()) {
          same(String.valueOf(s.executeUpdate("LOAD DATA LOCAL INFILE '" + file
              + "' INTO TABLE things FIELDS TERMINATED BY ',' (k, v)")), "2");
        }
      });
      feature("bulk", () -> bulk(c));
      feature("compression", () -> {
        try (Connection other = open("useCompression", "true")) {
          same(one(other, "SELECT REPEAT('z', 100000)"), "z".repeat(100000));
          same(one(other, "SELECT LENGTH('" + "y".repeat(200000) + "')"), "200000");
        }
      });
    }
  }

  static void feature(String name, Feature feature) {
    String outcome = "ok";
    try {
      feature.run();
    } catch (Exception failure) {
      outcome = failure.toString().replace("\n", " ");
    }
    System.out.println(name + "\t" + outcome.substring(0, Math.min(400, outcome.length())));
  }

  static void same(String seen, String wanted) {
    if (!wanted.equals(seen)) throw new IllegalStateException(seen + " instead of " + wanted);
  }

  static String one(Connection c, String sql) throws Exception {
    try (Statement s = c.createStatement(); ResultSet found = s.executeQuery(sql)) {
      found.next();
      return found.getString(1);
    }
  }

  static void prepared(Connection c) throws Exception {
    try (PreparedStatement s = c.prepareStatement("SELECT ? + 1")) {
      for (int n = 0; n < 3; n++) {
        s.setInt(1, n);
        try (ResultSet found = s.executeQuery()) {
          found.next();
          same(found.getString(1), String.valueOf(n + 1));
        }
      }
    }
  }

  static void cursor(Connection c) throws Exception {
    try (PreparedStatement s = c.prepareStatement("SELECT n FROM numbers ORDER BY n LIMIT 1000")) {
      s.setFetchSize(100);
      int count = 0;
      try (ResultSet found = s.executeQuery()) {
        while (found.next()) count++;
      }
      same(String.valueOf(count), "1000");
    }
  }

  static void several(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      int count = 0;
      for (boolean rows = s.execute("CALL several()"); rows; rows = s.getMoreResults()) count++;
      same(String.valueOf(count), "3");
    }
  }

  static void transactions(Connection c) throws Exception {
    c.setAutoCommit(false);
    try (Statement s = c.createStatement()) {
      s.executeUpdate("INSERT INTO things (k) VALUES ('gone')");
    }
    c.rollback();
    c.setAutoCommit(true);
    same(one(c, "SELECT COUNT(*) FROM things WHERE k = 'gone'"), "0");
  }

  static void cancel(Connection c) throws Exception {
    try (Connection other = open(); Statement s = other.createStatement()) {
      Thread canceller = new Thread(() -> {
        try {
          Thread.sleep(300);
          s.cancel();
        } catch (Exception failure) {
          failure.printStackTrace();
        }
      });
      canceller.start();
      try {
        s.executeQuery("SELECT COUNT(*) FROM numbers a, numbers b, numbers c");
      } catch (java.sql.SQLException expected) {
        canceller.join();
        same(one(other, "SELECT 2"), "2");
        return;
      }
      throw new IllegalStateException("it went on");
    }
  }

  static void bulk(Connection c) throws Exception {
    try (PreparedStatement s = c.prepareStatement("INSERT INTO things (k, v, n) VALUES (?, ?, ?)")) {
      for (int n = 0; n < 500; n++) {
        s.setString(1, "bulk" + n);
        s.setString(2, n % 3 == 0 ? null : "v" + n);
        s.setLong(3, n);
        s.addBatch();
      }
      s.executeBatch();
    }
    same(one(c, "SELECT COUNT(*) FROM things WHERE k LIKE 'bulk%'"), "500");
    same(one(c, "SELECT COUNT(*) FROM things WHERE k LIKE 'bulk%' AND v IS NULL"), "167");
  }
}
