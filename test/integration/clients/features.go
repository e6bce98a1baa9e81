// SPDX-License-Identifier: Apache-2.0

// The client table with go-sql-driver: place as JSON on stdin, `feature<TAB>ok|what went wrong`.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

type place struct {
	Host, User, Password, CaFile, CertFile, KeyFile, File string
	Port                                                  int
}

const endless = "SELECT COUNT(*) FROM numbers a, numbers b, numbers c"

var at place

func open(change func(*mysql.Config)) *sql.DB {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", fmt.Sprintf("%s:%d", at.Host, at.Port)
	config.User, config.Passwd, config.DBName = at.User, at.Password, "shop"
	config.AllowCleartextPasswords, config.AllowAllFiles = true, true
	config.MaxAllowedPacket = 64 << 20
	if at.CaFile != "" {
		pem, _ := os.ReadFile(at.CaFile)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		secure := &tls.Config{RootCAs: roots, ServerName: "localhost"}
		if at.CertFile != "" {
			pair, err := tls.LoadX509KeyPair(at.CertFile, at.KeyFile)
			if err != nil {
				panic(err)
			}
			secure.Certificates = []tls.Certificate{pair}
		}
		config.TLS = secure
	}
	if change != nil {
		change(config)
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		panic(err)
	}
	return sql.OpenDB(connector)
}

func one(c *sql.Conn, query string, arguments ...any) (string, error) {
	var value sql.NullString
	err := c.QueryRowContext(context.Background(), query, arguments...).Scan(&value)
	return value.String, err
}

func same(seen string, err error, wanted string) error {
	if err != nil {
		return err
	}
	if seen != wanted {
		return fmt.Errorf("%.80q instead of %.80q", seen, wanted)
	}
	return nil
}

func asked(c *sql.Conn, wanted, query string, arguments ...any) error {
	seen, err := one(c, query, arguments...)
	return same(seen, err, wanted)
}

func results(c *sql.Conn) error {
	rows, err := c.QueryContext(context.Background(), "CALL several()")
	if err != nil {
		return err
	}
	defer rows.Close()
	count := 1
	for rows.NextResultSet() {
		count++
	}
	// The driver counts the closing OK as a result without columns.
	if count < 3 {
		return fmt.Errorf("%d results", count)
	}
	return rows.Err()
}

func transactions(c *sql.Conn) error {
	tx, err := c.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	if _, err = tx.Exec("INSERT INTO things (k) VALUES ('gone')"); err != nil {
		return err
	}
	if err = tx.Rollback(); err != nil {
		return err
	}
	return asked(c, "0", "SELECT COUNT(*) FROM things WHERE k = 'gone'")
}

func cancel(c *sql.Conn) error {
	db := open(nil)
	defer db.Close()
	other, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	number, err := one(other, "SELECT CONNECTION_ID()")
	if err != nil {
		return err
	}
	done := make(chan error)
	go func() { _, failure := one(other, endless); done <- failure }()
	time.Sleep(300 * time.Millisecond)
	if _, err = c.ExecContext(context.Background(), "KILL QUERY "+number); err != nil {
		return err
	}
	if <-done == nil {
		return errors.New("it went on")
	}
	return asked(other, "2", "SELECT 2")
}

func infile(c *sql.Conn) error {
	load := "LOAD DATA LOCAL INFILE '" + at.File + "' INTO TABLE things FIELDS TERMINATED BY ',' (k, v)"
	result, err := c.ExecContext(context.Background(), load)
	if err != nil {
		return err
	}
	count, _ := result.RowsAffected()
	return same(fmt.Sprint(count), nil, "2")
}

func compressed(*sql.Conn) error {
	db := open(func(config *mysql.Config) { _ = config.Apply(mysql.EnableCompression(true)) })
	defer db.Close()
	c, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	if err = asked(c, strings.Repeat("z", 100_000), "SELECT REPEAT('z', 100000)"); err != nil {
		return err
	}
	return asked(c, "200000", "SELECT LENGTH('"+strings.Repeat("y", 200_000)+"')")
}

func main() {
	if err := json.NewDecoder(os.Stdin).Decode(&at); err != nil {
		panic(err)
	}
	db := open(nil)
	c, err := db.Conn(context.Background())
	if err != nil {
		panic(err)
	}
	features := []struct {
		name string
		run  func(*sql.Conn) error
	}{
		{"text", func(c *sql.Conn) error { return asked(c, "a", "SELECT 'a'") }},
		{"prepared", func(c *sql.Conn) error { return asked(c, "42", "SELECT ? + 1", 41) }},
		{"several results", results},
		{"transactions", transactions},
		{"character sets", func(c *sql.Conn) error { return asked(c, "E282AC", "SELECT HEX('\u20ac')") }},
		{"over 16 MB", func(c *sql.Conn) error {
			return asked(c, "20971520", "SELECT LENGTH('"+strings.Repeat("x", 20<<20)+"')")
		}},
		{"cancel", cancel},
		{"LOCAL INFILE", infile},
		{"compression", compressed},
	}
	for _, feature := range features {
		outcome := "ok"
		if err := feature.run(c); err != nil {
			outcome = strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Printf("%s\t%s\n", feature.name, outcome)
	}
}
