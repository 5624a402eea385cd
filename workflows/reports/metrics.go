package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/report"
)

// The keys of metrics.jsonl that have a place of their own.
const (
	keyStep     = "step"
	keyLoss     = "loss"
	keyEvalLoss = "eval_loss"
	keyNorm     = "grad_norm"
	keyRate     = "learning_rate"
	keyTokens   = "tokens"
	keyTrained  = "trained_tokens"
	keySpeed    = "tokens_per_second"
)

// curves is a log of a training as one series for each key: of its steps, and of its evaluations, whose keys
// begin with "eval ".
type curves map[string]*report.Series

const evalPrefix = "eval "

// readCurves reads metrics.jsonl. A line that is none, as a killed process leaves, is passed over.
func readCurves(log []byte) curves {
	c := curves{}
	sc := bufio.NewScanner(bytes.NewReader(log))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var line map[string]float64
		if json.Unmarshal(sc.Bytes(), &line) != nil {
			continue
		}
		prefix := ""
		if _, held := line[keyEvalLoss]; held {
			prefix = evalPrefix
		}
		for key, v := range line {
			if key != keyStep {
				c.add(prefix+key, line[keyStep], v)
			}
		}
	}
	return c
}

func (c curves) add(key string, step, v float64) {
	s := c[key]
	if s == nil {
		s = &report.Series{}
		c[key] = s
	}
	if n := len(s.X); n > 0 && step <= s.X[n-1] {
		return // written twice
	}
	s.X, s.Y = append(s.X, step), append(s.Y, v)
}

// get is the series of a key under a name; an empty one when there is none.
func (c curves) get(key, name string) report.Series {
	if s := c[key]; s != nil {
		return report.Series{Name: name, X: s.X, Y: s.Y}
	}
	return report.Series{Name: name}
}

// seconds is the time spent in steps: what each took of the tokens since the one before, at its speed.
func (c curves) seconds() (sum float64) {
	tokens, speed := c[keyTokens], c[keySpeed]
	if tokens == nil || speed == nil || len(tokens.Y) != len(speed.Y) {
		return 0
	}
	before := 0.0
	for i, n := range tokens.Y {
		if speed.Y[i] > 0 {
			sum += (n - before) / speed.Y[i]
		}
		before = n
	}
	return sum
}

// smoothed is how many steps make a curve worth smoothing, over as many parts of it.
const smoothed = 40

// plots are the curves of a training: the loss large, the others beside each other.
func (c curves) plots() []report.Block {
	train := c.get(keyLoss, "train")
	main := report.Lines{Title: "Loss", X: keyStep}
	if len(train.X) >= smoothed {
		faint := train
		faint.Name, faint.Faint = "each step", true
		train.Y = report.Smooth(train.Y, len(train.Y)/smoothed)
		main.Series = append(main.Series, faint)
		main.Note = "The strong line is the mean over the steps around each."
	}
	main.Series = append(main.Series, train)
	if held := c.get(evalPrefix+keyEvalLoss, "held out"); len(held.X) > 0 {
		main.Series = append(main.Series, held)
	}
	blocks := []report.Block{main}
	for _, p := range []struct{ key, title string }{{keyRate, "Learning rate"}, {keyNorm, "Gradient norm"}, {keySpeed, "Tokens per second"}} {
		blocks = append(blocks, report.Lines{Title: p.title, X: keyStep, Small: true, Zero: true, Series: []report.Series{c.get(p.key, p.title)}})
	}
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if own(key) {
			lines := report.Lines{Title: title(key), X: keyStep, Small: true, Series: []report.Series{c.get(key, "train")}}
			if held := c.get(evalPrefix+key, "held out"); len(held.X) > 0 {
				lines.Series = append(lines.Series, held)
			}
			blocks = append(blocks, lines)
		}
	}
	return blocks
}

// own says whether a key of a step is one of the objective's own.
func own(key string) bool {
	return !strings.HasPrefix(key, evalPrefix) && !slices.Contains([]string{keyLoss, keyNorm, keyRate, keyTokens, keyTrained, keySpeed}, key)
}

// title makes words of a key.
func title(key string) string {
	words := strings.NewReplacer("/", ": ", "_", " ").Replace(key)
	return strings.ToUpper(words[:1]) + words[1:]
}
