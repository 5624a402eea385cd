package cpu

import (
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestAvailableBeginsWithTheReference(t *testing.T) {
	list := Available()
	if list[0] != Generic {
		t.Errorf("the first is %v", list[0])
	}
	// Every arm64 that Go runs on has NEON, and nothing else does.
	if got, want := slices.Contains(list, NEON), runtime.GOARCH == "arm64"; got != want {
		t.Errorf("NEON available on %s: %v", runtime.GOARCH, got)
	}
	if best() != list[len(list)-1] {
		t.Errorf("the best of %v is %v", list, best())
	}
}

func TestFromEnv(t *testing.T) {
	defer Use(Current())()
	for _, want := range Available() {
		t.Setenv(Env, " "+strings.ToUpper(want.String())+" ")
		if err := FromEnv(); err != nil || Current() != want {
			t.Errorf("%s=%s: %v in use, %v", Env, want, Current(), err)
		}
	}
	before := Current()
	other := "neon"
	if runtime.GOARCH == "arm64" {
		other = "avx2"
	}
	for _, name := range []string{other, "sse", "neon,avx2"} {
		t.Setenv(Env, name)
		if err := FromEnv(); err == nil || !strings.Contains(err.Error(), "generic") || Current() != before {
			t.Errorf("%s=%s: %v in use, error %v", Env, name, Current(), err)
		}
	}
	t.Setenv(Env, "")
	if err := FromEnv(); err != nil || Current() != before {
		t.Errorf("without %s: %v in use, error %v", Env, Current(), err)
	}
}

func TestUseRestores(t *testing.T) {
	before := Current()
	restore := Use(Generic)
	if Current() != Generic {
		t.Errorf("%v in use, want generic", Current())
	}
	restore()
	if Current() != before {
		t.Errorf("%v in use, want %v", Current(), before)
	}
}
