package objects

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
)

// endless is a row without an end.
type endless struct{ begun bool }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	if !e.begun {
		e.begun = true
		return copy(p, `"`), nil
	}
	return len(p), nil
}

func TestReadBounds(t *testing.T) {
	const most = 1 << 20
	for name, objects := range map[string]iter.Seq2[Object, error]{
		"lines": Lines(&endless{}, most), "stream": Stream(&endless{}, most), "cells": Cells(&endless{}, ',', most),
	} {
		for _, err := range objects {
			if !errors.Is(err, ErrLong) && !strings.Contains(err.Error(), "header") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestCells(t *testing.T) {
	var got []string
	for o, err := range Cells(strings.NewReader("a;b\n\"x\ny\";<1>\n;\n"), 0, 1<<10) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s", o.N, strings.ReplaceAll(string(o.JSON), "\n", "")))
	}
	if want := `2 {"a":"x\ny","b":"<1>"}|4 {}`; strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
}
