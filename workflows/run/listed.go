package run

import "time"

// Listed is a run in a list.
type Listed struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	State   State     `json:"state"`
	Who     string    `json:"who"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Output  string    `json:"output"` // what the run made last, "" when nothing
	Error   string    `json:"error"`
}

// Listed describes the run on one line.
func (r Run) Listed() Listed {
	l := Listed{r.ID, r.Kind, r.State, r.Who, r.Started, r.Took().Seconds(), "", ""}
	if n := len(r.Outputs); n > 0 {
		l.Output = r.Outputs[n-1].Ref
	}
	if r.Fault != nil {
		l.Error = r.Fault.Text
	}
	return l
}
