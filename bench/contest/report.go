package contest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A Unit says how a sample becomes a figure.
type Unit struct {
	Name  string  `json:"name"`
	Scale float64 `json:"scale"` // the figure is Scale·work/seconds; or Scale·seconds/work if Less
	Less  bool    `json:"less"`  // less is better
}

func (u Unit) figure(s Sample) float64 {
	if u.Less {
		return u.Scale * s.Seconds / s.Work
	}
	return u.Scale * s.Work / s.Seconds
}

// ratio is how many times better ours is.
func (u Unit) ratio(ours, peer float64) float64 {
	if u.Less {
		return peer / ours
	}
	return ours / peer
}

// A Report is what one command measured.
type Report struct {
	Row      string   `json:"row"`
	About    string   `json:"about"`
	Unit     Unit     `json:"unit"`
	Machine  Machine  `json:"machine"`
	Versions []string `json:"versions"`
	Cases    []Case   `json:"cases"`
	Notes    []string `json:"notes"`
}

// NewReport is the report of a row on this machine, of which nothing is measured yet.
func NewReport(row, about string, u Unit) *Report {
	return &Report{Row: row, About: about, Unit: u, Machine: describeMachine()}
}

// A Case is one case of a contest.
type Case struct {
	Contest string     `json:"contest"`
	Name    string     `json:"name"`
	Sides   []Measured `json:"sides"` // ours first
}

// Measured is what a side did in a case: figures in the row's unit.
type Measured struct {
	Label   string    `json:"label"`
	Peer    bool      `json:"peer"`
	Median  float64   `json:"median"`
	Low     float64   `json:"low"`
	High    float64   `json:"high"`
	Figures []float64 `json:"figures"` // of every run, in order
	PeakRSS int64     `json:"peak_rss"`
	Note    string    `json:"note,omitempty"`
}

func summarise(label string, peer bool, samples []Sample, u Unit) Measured {
	m := Measured{Label: label, Peer: peer}
	for _, s := range samples {
		m.Figures = append(m.Figures, u.figure(s))
		m.Note = s.Note
	}
	m.Median, m.Low, m.High = Median(m.Figures), slices.Min(m.Figures), slices.Max(m.Figures)
	return m
}

// Median is the middle value, or the mean of the two in the middle.
func Median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	if n == 0 {
		return 0
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}

// Note adds a line that follows from the figures.
func (r *Report) Note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *Report) version(v string) {
	if v != "" && !slices.Contains(r.Versions, v) {
		r.Versions = append(r.Versions, v)
	}
}

// Side returns what a side did in a case, nil when it was not measured.
func (r *Report) Side(contest, name, label string) *Measured {
	for i := range r.Cases {
		if c := &r.Cases[i]; c.Contest == contest && c.Name == name {
			for j := range c.Sides {
				if c.Sides[j].Label == label {
					return &c.Sides[j]
				}
			}
		}
	}
	return nil
}

// Print writes the report for people: a line a side, ratios of ours over each peer.
func (r *Report) Print(out io.Writer) error {
	var text bytes.Buffer
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format, args...) }
	p("%s: %s\n%s\n", r.Row, r.About, r.Machine)
	if len(r.Versions) > 0 {
		p("%s\n", strings.Join(r.Versions, "; "))
	}
	p("\n")
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "case\tside\t%s\trange\tratio\tpeak RSS\t\n", r.Unit.Name)
	for _, c := range r.Cases {
		for i, s := range c.Sides {
			name := strings.TrimSpace(c.Contest + " " + c.Name)
			if i > 0 {
				name = ""
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s–%s\t%s\t%s\t%s\n", name, s.Label, digits(s.Median), digits(s.Low), digits(s.High),
				r.against(c, s), megabytes(s.PeakRSS), s.Note)
		}
	}
	_ = w.Flush() // a buffer takes everything
	for _, n := range r.Notes {
		p("\n%s", n)
	}
	if len(r.Notes) > 0 {
		p("\n")
	}
	_, err := out.Write(text.Bytes())
	return err
}

// against is ours over a peer's figure, on the peer's line.
func (r *Report) against(c Case, s Measured) string {
	if !s.Peer || c.Sides[0].Peer {
		return ""
	}
	return fmt.Sprintf("%.2f×", r.Unit.ratio(c.Sides[0].Median, s.Median))
}

// digits prints three or four of them.
func digits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", (n+500_000)/1_000_000) }
