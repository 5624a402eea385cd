package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	var log bytes.Buffer
	for _, args := range [][]string{{}, {"nonesuch"}, {"gemm", "extra"}, {"gemm", "--nonesuch"}} {
		if err := run(t.Context(), args, nil, io.Discard, &log); err == nil || errors.Is(err, flag.ErrHelp) {
			t.Errorf("bench %s: %v", strings.Join(args, " "), err)
		}
	}
	for _, r := range rows() {
		if !strings.Contains(log.String(), fmt.Sprintf("  %-10s ", r.name)) {
			t.Errorf("usage does not name %s", r.name)
		}
	}
}
