package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/store"
)

func TestCheckKey(t *testing.T) {
	long := strings.Repeat("s", store.MaxSegmentLen)
	good := []string{
		"a", "a/b", "blobs/sha256/00ff", "A b+c%2f", "ключ/值", "...", "a..b", ".hidden", long,
		long + "/" + long + "/" + long + "/" + long,
	}
	bad := []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "../a", `a\b`, "a\x00b", "a\nb",
		"a\x7fb", "a\u0085b", "\xff", long + "s", strings.Repeat("ab/", 342),
	}
	for _, key := range good {
		if err := store.CheckKey(key); err != nil {
			t.Errorf("CheckKey(%.40q) = %v, want nil", key, err)
		}
	}
	for _, key := range bad {
		if err := store.CheckKey(key); !errors.Is(err, store.ErrBadKey) {
			t.Errorf("CheckKey(%.40q) = %v, want ErrBadKey", key, err)
		}
	}
}

func TestConditionCheck(t *testing.T) {
	for cond, ok := range map[store.Condition]bool{
		{}:                             true,
		{IfAbsent: true}:               true,
		{IfMatch: "x"}:                 true,
		{IfAbsent: true, IfMatch: "x"}: false,
	} {
		if err := cond.Check(); (err == nil) != ok {
			t.Errorf("%+v.Check() = %v", cond, err)
		}
	}
}
