package machine

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Meter measures what the machine's processors take. Their counters begin anew after some minutes of load,
// so whoever wants a long time measured calls Read now and then. It is not safe for concurrent use.
type Meter struct {
	counters []counter
	joules   float64
}

// counter is one processor's, in microjoules.
type counter struct {
	path      string
	last, top int64 // top is the value after which it begins at 0
}

// StartMeter begins to measure. Where the system has no counters, or they are for its administrator alone,
// as is usual, the measure stays 0.
func StartMeter() *Meter { return startMeter(powercap) }

func startMeter(dir string) *Meter {
	m := &Meter{}
	if dir == "" {
		return m
	}
	zones, _ := filepath.Glob(filepath.Join(dir, "intel-rapl:*"))
	for _, zone := range zones {
		if strings.Count(filepath.Base(zone), ":") != 1 {
			continue // a part of a processor that is counted whole
		}
		c := counter{path: filepath.Join(zone, "energy_uj")}
		var ok, bounded bool
		c.last, ok = readCounter(c.path)
		c.top, bounded = readCounter(filepath.Join(zone, "max_energy_range_uj"))
		if ok && bounded {
			m.counters = append(m.counters, c)
		}
	}
	return m
}

// Read is what was taken since the start, in joules; 0 when it is not known.
func (m *Meter) Read() float64 {
	for i := range m.counters {
		c := &m.counters[i]
		now, ok := readCounter(c.path)
		if !ok {
			continue
		}
		took := now - c.last
		if took < 0 {
			took += c.top
		}
		c.last = now
		m.joules += float64(took) / 1e6
	}
	return m.joules
}

func readCounter(path string) (int64, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil && n >= 0
}
