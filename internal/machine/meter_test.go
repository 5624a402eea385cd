package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMeter(t *testing.T) {
	dir := t.TempDir()
	set := func(zone, name, value string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, zone), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, zone, name), []byte(value+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, zone := range []string{"intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"} {
		set(zone, "energy_uj", "9000000")
		set(zone, "max_energy_range_uj", "10000000")
	}
	m := startMeter(dir)
	set("intel-rapl:0", "energy_uj", "9500000")
	set("intel-rapl:0:0", "energy_uj", "9500000") // a part of the first
	if got := m.Read(); got != 0.5 {
		t.Errorf("%v J, want 0.5", got)
	}
	set("intel-rapl:0", "energy_uj", "500000") // round the corner
	set("intel-rapl:1", "energy_uj", "9250000")
	if got := m.Read(); got != 1.75 {
		t.Errorf("%v J, want 1.75", got)
	}
	if got := startMeter(t.TempDir()).Read(); got != 0 {
		t.Errorf("%v J without counters", got)
	}
}

func TestPeak(t *testing.T) {
	if got := Peak(); got < 1<<20 {
		t.Errorf("the process had %d bytes at most", got)
	}
}
