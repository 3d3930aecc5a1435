// Command iso4217 turns ISO 4217 List One, as its maintenance agency SIX publishes
// it, into the currency table of package payment.
//
// It promises that the table says what the list says or that it fails: a row it
// can't read, two rows that differ about one code, or one number for two codes is
// an error and nothing is written. For a newer list, replace list-one.xml and run
// go generate ./internal/payment.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	list := flag.String("list", "iso4217/list-one.xml", "List One as published, in XML")
	out := flag.String("out", "currency_table.go", "the Go file to write")
	flag.Parse()
	if err := run(*list, *out); err != nil {
		fmt.Fprintln(os.Stderr, "iso4217:", err)
		os.Exit(1)
	}
}

func run(list, out string) error {
	data, err := os.ReadFile(list)
	if err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	table, err := generate(data)
	if err != nil {
		return fmt.Errorf("make the table: %w", err)
	}
	if err := os.WriteFile(out, table, 0o644); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}
