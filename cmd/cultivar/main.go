// Cultivar turns an open-weight base model and a company's private documents into an adapter.
package main

import (
	"os"

	"github.com/cultivar/cultivar/cmd/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
